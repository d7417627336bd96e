#!lua
-- Start a FAILED, CANCELLED or EXPIRED job anew, with fresh attempts.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  id
--   ARGV[3]  tenant of the caller
--
-- Output: a code and the state the job is in now:
--    1  it is PENDING again
--    0  its state does not allow it
--   -1  there is no such job of this tenant
-- @include queue

local id = ARGV[2]
local key = job_key(id)
local f = redis.call('HMGET', key, 'state', 'tenant', 'attempt', 'priority')
local state, tenant = f[1], f[2]
if not state or tenant ~= ARGV[3] then return {-1, ''} end
if state ~= 'FAILED' and state ~= 'CANCELLED' and state ~= 'EXPIRED' then return {0, state} end
local now = clock(ARGV[1])
redis.call('ZREM', PREFIX .. 'done:' .. state, id)
redis.call('HDEL', key, 'ended', 'expire', 'spent', 'lost', 'progress', 'run_at')
local score = ms(now + ALLOWANCE_MS[f[4]])
redis.call('HSET', key, 'state', 'PENDING', 'ready', ms(now), 'updated', ms(now), 'score', score)
redis.call('HINCRBY', key, 'revision', 1)
make_ready(id, tenant, score)
ring(1)
count('resubmitted')
emit_state(id, now, f[3] or 0, 'PENDING')
commit(now)
return {1, 'PENDING'}
