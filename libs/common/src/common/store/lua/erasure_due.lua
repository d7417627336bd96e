#!lua flags=allow-oom
-- Take the steps of erasures that are due. One whose taker dies is due again after a while.
--
-- Input:
--   KEYS[1]  zset  steps of erasures by when they are due (ms)
--   --
--   ARGV[1]  how long nobody else takes them (ms)
--   ARGV[2]  steps at most
--
-- Output: the steps

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, step in ipairs(due) do redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[1]), step) end
return due
