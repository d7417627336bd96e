#!lua flags=allow-oom
-- Remove entries of an outbox.
--
-- Input:
--   KEYS[1]  stream  the outbox
--   --
--   ARGV     ids of entries
--
-- Output: how many were there
return redis.call('XDEL', KEYS[1], unpack(ARGV))
