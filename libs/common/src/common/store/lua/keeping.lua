-- Keeps a document, unless a later attempt of the same job has kept it already.
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
-- Output: the update time (ms), never earlier than that of the tenant's latest; or 0 if the write is stale.

local held = redis.call('HMGET', KEYS[2], 'job', 'attempt')
if ARGV[4] ~= '' and held[1] == ARGV[4] and tonumber(held[2]) > tonumber(ARGV[5]) then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local latest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if latest[2] then now = math.max(now, tonumber(latest[2])) end
local updated = string.format('%.0f', now)
redis.call('HSET', KEYS[2], 'body', ARGV[2], 'about', ARGV[3], 'updated', updated, 'job', ARGV[4], 'attempt', ARGV[5])
redis.call('ZADD', KEYS[1], updated, ARGV[1])
return now
