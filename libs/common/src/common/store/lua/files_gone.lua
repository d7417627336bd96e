#!lua flags=allow-oom
-- Note that files are gone.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV     their names, "HASH-TIME"
--
-- Output: how many were to go
-- @include queue
-- @include record

return redis.call('ZREM', PREFIX .. 'leaving', unpack(ARGV))
