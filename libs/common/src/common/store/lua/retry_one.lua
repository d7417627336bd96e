-- Starts one job anew, for every script that does.

-- Old specs that are kept with a job.
local SPECS_KEPT = 10
-- What batches are to hear of this call.
local retried_members = {}

-- Puts another message in the place of a job's, which is kept. Returns the record's version, if it is another.
local function change_spec(id, key, now, payload)
  local whole = redis.call('GET', job_key(id))
  local cut = string.find(whole, '\n', 1, true)
  redis.call('RPUSH', PREFIX .. 'specs:' .. id, string.sub(whole, cut + 1))
  redis.call('LTRIM', PREFIX .. 'specs:' .. id, -SPECS_KEPT, -1)
  local own, version = payload, nil
  if kept_apart(own) then own, version = keep_apart(id, own, now) end
  pass_over(payload)
  redis.call('SET', job_key(id), string.sub(whole, 1, cut) .. own)
  redis.call('HINCRBY', key, 'spec_revision', 1)
  -- What was begun for another spec is of no use for this one.
  redis.call('UNLINK', PREFIX .. 'checkpoint:' .. id)
  redis.call('HDEL', key, 'checkpoint')
  return version
end

-- Starts a job that is FAILED, CANCELLED or EXPIRED anew. Returns a code as retry.lua does, and the state that it is in
-- now.
local function retry_one(id, caller, now, payload)
  local fields = header_of(id)
  local function refuse(code, state)
    pass_over(payload)
    return code, state
  end
  if not fields or fields[H.tenant] ~= caller then return refuse(-1, '') end
  local f = run_fields(id, 'state', 'attempt', 'error', 'usage', 'bytes')
  local state, tenant = f[1] or first_state(fields), fields[H.tenant]
  if state ~= 'FAILED' and state ~= 'CANCELLED' and state ~= 'EXPIRED' then return refuse(0, state) end
  if not may_hold(payload, now) then return refuse(-5, '') end
  local key = open_run(id)
  if f[2] and f[2] ~= '0' then keep_attempt(id, now, state, f[3], f[4]) end
  redis.call('ZREM', PREFIX .. 'done:' .. state, id)
  redis.call('ZREM', index_key(tenant, 's=' .. state), id)
  if f[5] then gauge('kept_bytes', -tonumber(f[5])) end
  if payload ~= '' then fields[1] = change_spec(id, key, now, payload) or fields[1] end
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
    retried_members[#retried_members + 1] = member_line(id, of_batch, 'PENDING')
  end
  make_ready(id, tenant, fields[H.score])
  count('resubmitted')
  emit_state(id, tenant, now, f[2] or 0, state, 'PENDING')
  return 1, 'PENDING'
end
