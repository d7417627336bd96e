#!lua flags=no-writes
-- Read what a job kept for its later attempts.
--
-- Input:
--   KEYS[1]  string  the checkpoint
--
-- Output: the checkpoint, or nothing

return redis.call('GET', KEYS[1])
