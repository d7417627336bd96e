#!lua flags=allow-oom
-- Input:
--   KEYS[1]  set  names of all queues
--   --
--   ARGV[1]  name
--
-- Output: 1 if the name is new, else 0
return redis.call('SADD', KEYS[1], ARGV[1])
