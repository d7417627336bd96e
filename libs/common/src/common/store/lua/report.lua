#!lua flags=allow-oom
-- Record that a worker is there and what it does; forget workers that were silent for long.
--
-- Input:
--   KEYS[1]  zset    worker ids by their last report (ms)
--   KEYS[2]  prefix  of the reports' keys, in the same slot
--   --
--   ARGV[1]  worker id
--   ARGV[2]  report as JSON, or '' if the worker says goodbye
--   ARGV[3]  how long a report counts (ms)
--
-- Output: 1

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('DEL', KEYS[2] .. ARGV[1])
else
  redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
  redis.call('SET', KEYS[2] .. ARGV[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[3]))
return 1
