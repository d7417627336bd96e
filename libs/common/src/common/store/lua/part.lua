#!lua flags=no-writes
-- Read a part as an entry of the event stream told of it.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  id
--   ARGV[2]  name
--   ARGV[3]  entry
--
-- Output: a code, and the part as it is kept:
--    1  here it is
--    0  another one has taken its place, long ago
--   -1  there is no such job
-- @include queue
-- @include parts

local id, entry = ARGV[1], ARGV[3]
local part = redis.call('HGET', PREFIX .. 'parts:' .. id, ARGV[2])
if not part or entry_of(part) ~= entry then part = redis.call('HGET', PREFIX .. 'former:' .. id, entry) end
if part then return {1, part} end
return {redis.call('EXISTS', PREFIX .. 'job:' .. id) - 1, ''}
