#!lua flags=allow-oom
-- Read the oldest entries of what batches are to hear of a queue's members, unless someone else does so at present.
--
-- Input:
--   KEYS[1]  stream  what they are to hear
--   KEYS[2]  string  who reads; expires
--   --
--   ARGV[1]  who asks
--   ARGV[2]  how long nobody else reads then (ms)
--   ARGV[3]  most entries
--
-- Output: 1 if it is the caller who reads, else 0; and the entries, each an id and a flat list of fields
local reader = redis.call('GET', KEYS[2])
if reader and reader ~= ARGV[1] then return {0, {}} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {1, redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[3])}
