#!lua flags=no-writes
-- Read answers of an erased conversation, but for those that are asked for about a new one of its name.
--
-- Input:
--   KEYS[1]  hash  the conversation
--   KEYS[2]  zset  answers that are asked for about it
--   KEYS[3]  zset  answers that were, before it was erased
--   --
--   ARGV[1]  answers to pass over
--   ARGV[2]  answers to return
--
-- Output: 1 if there is a conversation of that name again, else 0; how many answers were looked at; the answers

local reply = {redis.call('EXISTS', KEYS[1]), 0}
for _, answer in ipairs(redis.call('ZRANGE', KEYS[3], ARGV[1], ARGV[1] + ARGV[2] - 1)) do
  reply[2] = reply[2] + 1
  if not redis.call('ZSCORE', KEYS[2], answer) then reply[#reply + 1] = answer end
end
return reply
