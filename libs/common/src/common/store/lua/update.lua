#!lua
-- Change what may still be changed of a job that waits.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  id
--   ARGV[3]  tenant of the caller
--   ARGV[4]  revision that the job must have, or ''
--   ARGV[5]  names of its indexes from now on, or '=' to leave them
--   ARGV[6…] places in the header and their new values, in pairs; the place of `score` means: latest start for
--            its deadline (ms) or '', and of `schedule`: run at (ms), of a job that waits for a retry that retry's
--
-- Output: a code and the state the job is in:
--    1  changed
--    0  its state does not allow it
--   -1  there is no such job of this tenant
--   -2  its revision is another: that instead of the state
-- @include queue
-- @include record
-- @include ready

local id, tenant = ARGV[2], ARGV[3]
local fields = header_of(id)
if not fields or fields[H.tenant] ~= tenant then return {-1, ''} end
local f = run_fields(id, 'state', 'revision', 'attempt', 'ready')
local state, revision = f[1] or first_state(fields), f[2] or '0'
if ARGV[4] ~= '' and revision ~= ARGV[4] then return {-2, revision} end
if state ~= 'PENDING' and state ~= 'SCHEDULED' and state ~= 'RETRYING' then return {0, state} end
local now = clock(ARGV[1])
local latest, run_at
for at = 6, #ARGV, 2 do
  local place = tonumber(ARGV[at])
  if place == H.score then latest = ARGV[at + 1]
  elseif place == H.schedule then run_at = tonumber(ARGV[at + 1])
  else fields[place] = ARGV[at + 1] end
end
-- When a suspect runs is to be said by the worker which is free for it alone.
if run_at and redis.call('ZSCORE', SUSPECTS, id) then return {0, state} end
if ARGV[5] ~= '=' then
  for _, name in ipairs(index_names(fields)) do redis.call('ZREM', index_key(tenant, name), id) end
  fields[H.index] = ARGV[5]
  for _, name in ipairs(index_names(fields)) do redis.call('ZADD', index_key(tenant, name), 0, id) end
end
redis.call('ZREM', EXPIRING, id)
watch_expiry(id, fields)
local allowance = ALLOWANCE_MS[fields[H.priority]] or ALLOWANCE_MS.NORMAL
local since = tonumber(fields[H.schedule] ~= '' and fields[H.schedule] or fields[H.created])
local retries = state == 'RETRYING'
if run_at and not retries then since = math.max(run_at, now) end
local score = since + allowance
if allowance >= 0 and latest and latest ~= '' then score = math.min(score, tonumber(latest)) end
fields[H.score] = ms(score)
if run_at then
  if not retries then fields[H.schedule] = run_at > now and ms(run_at) or '' end
  unqueue(id, tenant)
  watch_expiry(id, fields)
  local next_state = run_at <= now and 'PENDING' or retries and state or 'SCHEDULED'
  redis.call('HSET', run_key(id), 'state', next_state)
  if run_at > now then
    redis.call('HSET', run_key(id), 'run_at', ms(run_at))
    redis.call('ZADD', retries and RETRYING or SCHEDULED, ms(run_at), id)
  else
    redis.call('HDEL', run_key(id), 'run_at', 'reason')
    redis.call('HSET', run_key(id), 'ready', ms(now))
    make_ready(id, tenant, fields[H.score])
  end
  if next_state ~= state then emit_state(id, tenant, now, f[3] or 0, state, next_state) end
  state = next_state
elseif redis.call('ZSCORE', ready_key(tenant), id) then
  redis.call('ZADD', ready_key(tenant), with_run(fields[H.score]), id)
end
set_header(id, fields)
redis.call('HSET', run_key(id), 'updated', ms(now), 'state', state)
redis.call('HINCRBY', run_key(id), 'revision', 1)
emit_change('U', id, tenant, now, f[3] or 0)
ring(1)
commit(now)
return {1, state}
