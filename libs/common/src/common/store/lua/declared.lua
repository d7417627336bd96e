#!lua flags=no-writes
-- Input:
--   KEYS[1]  set  names of all queues
--
-- Output: the names
return redis.call('SMEMBERS', KEYS[1])
