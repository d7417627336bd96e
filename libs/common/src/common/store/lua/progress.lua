#!lua
-- Record how far a leased job has come, or keep a finished part of its result, and tell the watchers.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  member "id/attempt"
--   ARGV[3]  progress as JSON, or ''
--   ARGV[4]  name of the part, or ''
--   ARGV[5]  media type of the part
--   ARGV[6]  the part
--
-- Output:
--   1  recorded
--   2  recorded, and the job is asked to stop
--   0  stale: another attempt holds the job, or it is final
-- @include queue
-- @include record

local member = ARGV[2]
if not redis.call('ZSCORE', LEASES, member) then return 0 end
local now = clock(ARGV[1])
local id, attempt = split_member(member)
local tenant = redis.call('HGET', run_key(id), 'tenant') or DEFAULT_TENANT
redis.call('HSET', run_key(id), 'updated', ms(now))
redis.call('HINCRBY', run_key(id), 'revision', 1)
if ARGV[3] ~= '' then
  redis.call('HSET', run_key(id), 'progress', ARGV[3])
  lines[#lines + 1] = table.concat({'P', id, told(now), attempt, ARGV[3], shown(tenant)}, '\t')
end
commit(now)
if ARGV[4] ~= '' then
  redis.call('HSET', PREFIX .. 'parts:' .. id, ARGV[4],
    table.concat({attempt, ms(now), ARGV[5]}, '\t') .. '\n' .. ARGV[6])
  -- A part is an entry of its own, so that its bytes need no escaping.
  append_events(table.concat({'R', id, ms(now), attempt, ARGV[4], ARGV[5], shown(tenant)}, '\t'), ARGV[6])
end
return redis.call('SISMEMBER', CANCELLING, member) == 1 and 2 or 1
