#!lua flags=no-writes
-- Read the oldest entries of an outbox.
--
-- Input:
--   KEYS[1]  stream  the outbox
--   --
--   ARGV[1]  most entries
--
-- Output: entries, each an id and a flat list of fields
return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])
