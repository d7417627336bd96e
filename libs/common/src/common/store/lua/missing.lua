#!lua flags=no-writes
-- Find which documents are kept.
--
-- Input:
--   KEYS[1]  zset    ids of the tenant's documents by update time (ms)
--   KEYS[2]  prefix  of the documents' keys, in the same slot
--   --
--   ARGV     ids
--
-- Output, for each id: 1 if it is kept, else 0.

local reply = {}
for i, id in ipairs(ARGV) do reply[i] = redis.call('EXISTS', KEYS[2] .. id) end
return reply
