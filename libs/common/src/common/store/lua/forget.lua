#!lua flags=allow-oom
-- Remove a document.
--
-- Input:
--   KEYS[1]  zset  ids of the tenant's documents by update time (ms)
--   KEYS[2]  hash  the document
--   --
--   ARGV[1]  id
--
-- Output: 1 if it was there, else 0
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('UNLINK', KEYS[2])
