#!lua flags=allow-oom
-- Write down what an erasure has still to do, in the place of what it had to do before.
--
-- Input:
--   KEYS[1]  zset  steps of erasures by when they are due (ms)
--   --
--   ARGV[1]  the step, or '' if nothing is left
--   ARGV[2]  in how long it is due (ms)
--   ARGV     steps that it takes the place of
--
-- Output: 1

for at = 3, #ARGV do redis.call('ZREM', KEYS[1], ARGV[at]) end
if ARGV[1] ~= '' then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]), ARGV[1])
end
return 1
