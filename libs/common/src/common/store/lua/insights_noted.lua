#!lua flags=no-writes
-- Read whose kept insights rest on a conversation.
--
-- Input:
--   KEYS[1]  set  participants
--
-- Output: the participants
return redis.call('SMEMBERS', KEYS[1])
