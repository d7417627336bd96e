#!lua
-- Keep what a leased job wants to find again in a later attempt, in place of what it kept before.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  member "id/attempt"
--   ARGV[2]  what to keep
--
-- Output:
--   1  kept
--   2  kept, and the job is asked to stop
--   0  stale: another attempt holds the job, or it is final
-- @include queue
-- @include record

local member = ARGV[1]
if not redis.call('ZSCORE', LEASES, member) then return 0 end
local id = split_member(member)
redis.call('SET', PREFIX .. 'checkpoint:' .. id, ARGV[2])
-- finish looks at this when the job succeeds, instead of for the key.
redis.call('HSET', open_run(id), 'checkpoint', #ARGV[2])
return redis.call('SISMEMBER', CANCELLING, member) == 1 and 2 or 1
