#!lua flags=allow-oom
-- Note with a conversation whose insights rest on it, so that they can go with it.
--
-- Input:
--   KEYS[1]  hash  the conversation
--   KEYS[2]  set   participants whose kept insights rest on it
--   --
--   ARGV[1]  participant
--   ARGV[2]  '1' if the conversation must be there, '' if it is kept elsewhere
--
-- Output: 1, or 0: the conversation is gone

if ARGV[2] == '1' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SADD', KEYS[2], ARGV[1])
return 1
