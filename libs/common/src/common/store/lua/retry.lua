#!lua
-- Start a FAILED, CANCELLED or EXPIRED job anew, with fresh attempts, and perhaps with another spec.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  id
--   ARGV[3]  tenant of the caller
--   ARGV[4]  payload that takes the place of the old one, which is kept, packed or filed if it is large; or ''
--
-- Output: a code and the state the job is in now:
--    1  it is PENDING again
--    0  its state does not allow it
--   -1  there is no such job of this tenant
--   -5  the payload's file is not for new jobs any more: it is to be written anew, see files.lua
-- @include queue
-- @include record
-- @include messages
-- @include ready

-- Old specs that are kept with a job.
local SPECS_KEPT = 10

local id = ARGV[2]
local function refuse(code, state)
  pass_over(ARGV[4])
  return {code, state}
end
local fields = header_of(id)
if not fields or fields[H.tenant] ~= ARGV[3] then return refuse(-1, '') end
local f = run_fields(id, 'state', 'attempt', 'error', 'usage', 'bytes')
local state, tenant = f[1] or first_state(fields), fields[H.tenant]
if state ~= 'FAILED' and state ~= 'CANCELLED' and state ~= 'EXPIRED' then return refuse(0, state) end
local now = clock(ARGV[1])
if not may_hold(ARGV[4], now) then return refuse(-5, '') end
local key = open_run(id)
if f[2] and f[2] ~= '0' then keep_attempt(id, now, state, f[3], f[4]) end
redis.call('ZREM', PREFIX .. 'done:' .. state, id)
redis.call('ZREM', index_key(tenant, 's=' .. state), id)
if f[5] then gauge('kept_bytes', -tonumber(f[5])) end
if ARGV[4] ~= '' then
  local whole = redis.call('GET', job_key(id))
  local cut = string.find(whole, '\n', 1, true)
  redis.call('RPUSH', PREFIX .. 'specs:' .. id, string.sub(whole, cut + 1))
  redis.call('LTRIM', PREFIX .. 'specs:' .. id, -SPECS_KEPT, -1)
  local own = ARGV[4]
  if kept_apart(own) then own, fields[1] = keep_apart(id, own, now) end
  pass_over(ARGV[4])
  redis.call('SET', job_key(id), string.sub(whole, 1, cut) .. own)
  redis.call('HINCRBY', key, 'spec_revision', 1)
  -- What was begun for another spec is of no use for this one.
  redis.call('UNLINK', PREFIX .. 'checkpoint:' .. id)
  redis.call('HDEL', key, 'checkpoint')
end
fields[H.expire] = ''
fields[H.score] = ms(now + (ALLOWANCE_MS[fields[H.priority]] or ALLOWANCE_MS.NORMAL))
set_header(id, fields)
redis.call('HDEL', key, 'ended', 'spent', 'lost', 'lost_alone', 'alone', 'progress', 'run_at', 'reason',
  'usage', 'bytes')
redis.call('HSET', key, 'state', 'PENDING', 'ready', ms(now), 'updated', ms(now))
redis.call('HINCRBY', key, 'revision', 1)
if fields[H.batch] ~= '' then
  local of_batch = tenant .. '\t' .. fields[H.batch]
  redis.call('HSET', MEMBERS, id, of_batch)
  tell_batches({member_line(id, of_batch, 'PENDING')})
end
make_ready(id, tenant, fields[H.score])
ring(1)
count('resubmitted')
emit_state(id, tenant, now, f[2] or 0, state, 'PENDING')
commit(now)
return {1, 'PENDING'}
