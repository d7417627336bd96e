#!lua flags=allow-oom
-- Stop a job: at once if it waits; if it runs, ask its worker.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  id
--   ARGV[3]  tenant of the caller
--   ARGV[4]  channel on which workers hear of it
--
-- Output: a code and the state the job is in now:
--    1  it is CANCELLED, or CANCELLING; also when it was before
--    0  it had ended otherwise
--   -1  there is no such job of this tenant
-- @include queue

local id = ARGV[2]
local f = redis.call('HMGET', job_key(id), 'state', 'tenant', 'attempt')
local state, tenant, attempt = f[1], f[2], f[3] or '0'
if not state or tenant ~= ARGV[3] then return {-1, ''} end
local now = clock(ARGV[1])
if state == 'PENDING' or state == 'SCHEDULED' or state == 'RETRYING' then
  forget_ready(id, tenant)
  redis.call('ZREM', SCHEDULED, id)
  redis.call('ZREM', RETRYING, id)
  finalise(id, 'CANCELLED', now, attempt)
  state = 'CANCELLED'
elseif state == 'RUNNING' then
  local member = id .. '/' .. attempt
  state = 'CANCELLING'
  redis.call('HSET', job_key(id), 'state', state, 'updated', ms(now))
  redis.call('HINCRBY', job_key(id), 'revision', 1)
  redis.call('SADD', CANCELLING, member)
  redis.call('PUBLISH', ARGV[4], member)
  emit_state(id, now, attempt, state)
end
commit(now)
return {(state == 'CANCELLED' or state == 'CANCELLING') and 1 or 0, state}
