#!lua flags=no-writes
-- Read a page of a batch's plan, from its end: what is submitted meanwhile goes from its beginning, and moves nothing.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  tenant
--   ARGV[2]  id
--   ARGV[3]  entries to pass over
--   ARGV[4]  most entries
--
-- Output: the entries
-- @include queue
-- @include batch

local last = -1 - tonumber(ARGV[3])
return redis.call('LRANGE', plan_key(ARGV[1], ARGV[2]), last - tonumber(ARGV[4]) + 1, last)
