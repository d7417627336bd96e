#!lua flags=allow-oom
-- Note with a conversation that an answer is asked for about it, so that it can go with it.
--
-- Input:
--   KEYS[1]  hash  the conversation
--   KEYS[2]  zset  answers that were asked for about it by when they were last wanted (ms)
--   --
--   ARGV[1]  "provider/model|id of the answer"
--   ARGV[2]  how long an answer is kept (ms)
--   ARGV[3]  answers that are noted at most
--   ARGV[4]  '1' if the conversation must be there, '' if it is kept elsewhere
--
-- Output: 1, then answers that are noted no more to make room; or 0: the conversation is gone

if ARGV[4] == '1' and redis.call('EXISTS', KEYS[1]) == 0 then return {0} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[2], 'GT', string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', now - 2 * ARGV[2]))
redis.call('PEXPIRE', KEYS[2], string.format('%.0f', 2 * ARGV[2]))
local reply = {1}
local over = redis.call('ZCARD', KEYS[2]) - ARGV[3]
if over > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[2], over)
  for at = 1, #oldest, 2 do reply[#reply + 1] = oldest[at] end
end
return reply
