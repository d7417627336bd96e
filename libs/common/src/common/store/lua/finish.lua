#!lua flags=allow-oom
-- Commit how attempts ended. A batch; each job is fenced by its own lease member.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   then for each job 7 values:
--     member "id/attempt", outcome (succeed, fail, retry, release, cancelled), delay (ms),
--     error as JSON or '', media type of the result or '', result, new payload or ''
--
-- Output, for each job: the state it is in now, or 'STALE' if another attempt holds it or it ended
-- otherwise. A repeat with the same member gets the first answer.
-- @include queue

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
for at = 2, #ARGV, 7 do members[#members + 1] = ARGV[at] end
local scores = redis.call('ZMSCORE', LEASES, unpack(members))
local held = {}
for place, member in ipairs(members) do held[member] = scores[place] end
redis.call('ZREM', LEASES, unpack(members))
if redis.call('SCARD', CANCELLING) > 0 then redis.call('SREM', CANCELLING, unpack(members)) end

-- Where a job waits that runs again, and what its record says of it.
local function wait_again(id, state, due, tenant, score, fields)
  if state == 'RETRYING' then
    redis.call('ZADD', RETRYING, ms(due), id)
    count('retried')
  elseif due > now then
    redis.call('ZADD', SCHEDULED, ms(due), id)
  else
    make_ready(id, tenant, score)
    fields[#fields + 1] = 'ready'
    fields[#fields + 1] = ms(now)
    return
  end
  fields[#fields + 1] = 'run_at'
  fields[#fields + 1] = ms(due)
end

local function finish_one(member, outcome, delay, error_json, media, result, payload)
  local id, attempt = split_member(member)
  local key = job_key(id)
  local f = redis.call('HMGET', key, 'state', 'finished', 'tenant', 'score', 'started', 'spent', 'revision',
    'checkpoint')
  if not held[member] then
    local last, answer = string.match(f[2] or '', '^(%d+) (%u+)$')
    return tonumber(last) == attempt and answer or 'STALE'
  end
  held[member] = nil -- a member that stands twice in one batch ends once
  -- A record that is gone or damaged must not stop the batch: its leases are removed already.
  if not NEXT[f[1]] then return 'STALE' end
  local state = NEXT[f[1]][outcome]
  local fields = {'state', state, 'finished', attempt .. ' ' .. state, 'updated', ms(now),
    'revision', tonumber(f[7] or 0) + 1}
  if outcome ~= 'release' and outcome ~= 'cancelled' then
    fields[#fields + 1] = 'spent'
    fields[#fields + 1] = tonumber(f[6] or 0) + 1
  end
  if error_json ~= '' then
    fields[#fields + 1] = 'error'
    fields[#fields + 1] = error_json
  end
  observe('r', now - tonumber(f[5]))
  if media ~= '' then redis.call('HSET', PREFIX .. 'result:' .. id, 'media', media, 'data', result) end
  if f[8] and state == 'SUCCEEDED' then
    redis.call('UNLINK', PREFIX .. 'checkpoint:' .. id)
    redis.call('HDEL', key, 'checkpoint')
  end
  if payload ~= '' then redis.call('SET', PREFIX .. 'payload:' .. id, payload) end
  if state == 'RETRYING' or state == 'PENDING' then
    wait_again(id, state, now + tonumber(delay), f[3], f[4], fields)
    rings = rings + 1
    emit_state(id, now, attempt, state, error_json)
  else
    fields[#fields + 1] = 'ended'
    fields[#fields + 1] = ms(now)
    note_done(id, state, now, attempt, error_json)
  end
  redis.call('HSET', key, unpack(fields))
  return state
end

for place = 1, #members do
  local at = 2 + (place - 1) * 7
  reply[place] = finish_one(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5],
    ARGV[at + 6])
end
if rings > 0 then ring(rings) end
commit(now)
return reply
