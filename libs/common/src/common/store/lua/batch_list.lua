#!lua flags=no-writes
-- Read a page of a tenant's batches, the newest first.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  tenant
--   ARGV[2]  id after which to go on, or '' to begin
--   ARGV[3]  most batches
--
-- Output: for each its id, and its record as a flat list
-- @include queue
-- @include batch

local below = ARGV[2] == '' and '+' or '(' .. ARGV[2]
local reply = {}
for _, id in ipairs(redis.call('ZRANGE', index_of(ARGV[1]), below, '-', 'BYLEX', 'REV', 'LIMIT', 0, ARGV[3])) do
  reply[#reply + 1], reply[#reply + 2] = id, redis.call('HGETALL', batch_key(ARGV[1], id))
end
return reply
