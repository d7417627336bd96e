#!lua flags=allow-oom
-- Commit how attempts ended. A batch; each job is fenced by its own lease member.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   then for each job 9 values:
--     member "id/attempt", outcome (succeed, fail, retry, release, cancelled), delay (ms), error as JSON or '' (for a
--     release: why), media type of the result or '', result, new payload or '', usage as JSON or '', what its end
--     causes elsewhere, for the outbox, or ''
--
-- Output, for each job: the state it is in now, or 'STALE' if another attempt holds it or it ended
-- otherwise. A repeat with the same member gets the first answer.
-- @include queue
-- @include record
-- @include ready
-- @include final

local now = clock(ARGV[1])
local reply = {}
local rings = 0

-- The state that an outcome leads to. Held to common.job.states by a test.
local NEXT = {
  RUNNING = {succeed = 'SUCCEEDED', fail = 'FAILED', retry = 'RETRYING', release = 'PENDING', cancelled = 'CANCELLED'},
  CANCELLING = {succeed = 'SUCCEEDED', fail = 'CANCELLED', retry = 'CANCELLED', release = 'CANCELLED',
    cancelled = 'CANCELLED'},
}

-- One read and one removal fence the whole batch.
local members = {}
for at = 2, #ARGV, 9 do members[#members + 1] = ARGV[at] end
local scores = redis.call('ZMSCORE', LEASES, unpack(members))
local held = {}
for place, member in ipairs(members) do held[member] = scores[place] end
redis.call('ZREM', LEASES, unpack(members))
if redis.call('EXISTS', CANCELLING) == 1 then redis.call('SREM', CANCELLING, unpack(members)) end

-- Puts a job where it waits that runs again, and its history aside. Returns what its run record says of it.
local function wait_again(id, outcome, state, due, attempt, error_json, usage)
  local fields = header_of(id)
  watch_expiry(id, fields)
  keep_attempt(id, now, outcome == 'retry' and 'FAILED' or 'RELEASED', error_json, usage)
  rings = rings + 1
  if state == 'RETRYING' then
    redis.call('ZADD', RETRYING, ms(due), id)
    count('retried')
    return 'run_at', ms(due)
  elseif due > now then
    redis.call('ZADD', SCHEDULED, ms(due), id)
    return 'run_at', ms(due)
  end
  make_ready(id, fields[H.tenant], fields[H.score])
  return 'ready', ms(now)
end

local function finish_one(member, outcome, delay, error_json, media, result, payload, usage, outbox)
  local id, attempt = split_member(member)
  local key = run_key(id)
  local f = redis.call('HMGET', key, 'state', 'finished', 'tenant', 'started', 'spent', 'checkpoint')
  if not held[member] then
    local last, answer = string.match(f[2] or '', '^(%d+) (%u+)$')
    return tonumber(last) == attempt and answer or 'STALE'
  end
  held[member] = nil -- a member that stands twice in one batch ends once
  -- A record that is gone or damaged must not stop the batch: its leases are removed already.
  if not NEXT[f[1]] then return 'STALE' end
  local tenant, state = f[3] or DEFAULT_TENANT, NEXT[f[1]][outcome]
  note_leased(tenant, -1)
  local fields = {'state', state, 'finished', attempt .. ' ' .. state}
  local function put(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if outcome ~= 'release' and outcome ~= 'cancelled' then put('spent', tonumber(f[5] or 0) + 1) end
  if outcome == 'release' then
    if error_json ~= '' and state == 'PENDING' then put('reason', error_json) end
    error_json = ''
  elseif error_json ~= '' then
    put('error', error_json)
    put('class', string.match(error_json, '"class":"([%w_]+)"') or '')
    put('cause', string.match(error_json, '"reason":"([%w_]+)"') or '')
  end
  if usage ~= '' then put('usage', usage) end
  observe('r', now - tonumber(f[4]))
  if media ~= '' then redis.call('HSET', PREFIX .. 'result:' .. id, 'media', media, 'data', result) end
  if f[6] and state == 'SUCCEEDED' then
    redis.call('UNLINK', PREFIX .. 'checkpoint:' .. id)
    redis.call('HDEL', key, 'checkpoint')
  end
  if payload ~= '' then
    redis.call('SET', job_key(id), header_line(id) .. '\n' .. payload)
  end
  if outbox ~= '' then redis.call('XADD', OUTBOX, '*', 'job', member, 'put', outbox) end
  if state == 'RETRYING' or state == 'PENDING' then
    local name, value = wait_again(id, outcome, state, now + tonumber(delay), attempt, error_json, usage)
    put(name, value)
    put('updated', ms(now))
    emit_state(id, tenant, now, attempt, state, error_json)
  else
    put('ended', ms(now))
    note_done(id, tenant, state, now, attempt, error_json)
  end
  redis.call('HSET', key, unpack(fields))
  return state
end

for place = 1, #members do
  reply[place] = finish_one(unpack(ARGV, 2 + (place - 1) * 9, 10 + (place - 1) * 9))
end
local limits = redis.call('HMGET', CONFIG, 'concurrency', 'ramp')
if redis.call('EXISTS', HELD) == 1 then
  for tenant in pairs(leased) do release_tenant(tenant) end
  rings = rings + #members
elseif limits[1] or limits[2] then
  rings = rings + #members
end
if rings > 0 then ring(rings) end
commit(now)
return reply
