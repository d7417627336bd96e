#!lua
-- Keep a document, unless a later attempt of the same job has kept it already.
--
-- Input:
--   KEYS[1]  zset  ids of the tenant's documents by update time (ms)
--   KEYS[2]  hash  the document
--   --
--   ARGV[1]  id
--   ARGV[2]  body
--   ARGV[3]  description: what lists show of it
--   ARGV[4]  job id that writes, or ''
--   ARGV[5]  attempt of that job
--
-- Output: the update time (ms); or 0 if the write is stale.

local held = redis.call('HMGET', KEYS[2], 'job', 'attempt')
if ARGV[4] ~= '' and held[1] == ARGV[4] and tonumber(held[2]) > tonumber(ARGV[5]) then return 0 end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[2], 'body', ARGV[2], 'about', ARGV[3], 'updated', now, 'job', ARGV[4], 'attempt', ARGV[5])
redis.call('ZADD', KEYS[1], now, ARGV[1])
return tonumber(now)
