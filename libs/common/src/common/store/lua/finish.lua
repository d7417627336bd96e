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

local function finish_one(member, outcome, delay, error_json, media, result, payload)
  local id, attempt = split_member(member)
  local key = job_key(id)
  local f = redis.call('HMGET', key, 'state', 'finished', 'tenant', 'score', 'started')
  if redis.call('ZREM', LEASES, member) == 0 then
    local last, answer = string.match(f[2] or '', '^(%d+) (%u+)$')
    return tonumber(last) == attempt and answer or 'STALE'
  end
  redis.call('SREM', CANCELLING, member)
  if not f[1] then return 'STALE' end
  local state = NEXT[f[1]][outcome]
  redis.call('HSET', key, 'finished', attempt .. ' ' .. state)
  if outcome ~= 'release' and outcome ~= 'cancelled' then redis.call('HINCRBY', key, 'spent', 1) end
  observe('r', now - tonumber(f[5]))
  if media ~= '' then redis.call('HSET', PREFIX .. 'result:' .. id, 'media', media, 'data', result) end
  if payload ~= '' then redis.call('SET', PREFIX .. 'payload:' .. id, payload) end
  if state == 'RETRYING' or state == 'PENDING' then
    local due = now + tonumber(delay)
    redis.call('HSET', key, 'state', state, 'updated', ms(now))
    redis.call('HINCRBY', key, 'revision', 1)
    if error_json ~= '' then redis.call('HSET', key, 'error', error_json) end
    if state == 'RETRYING' then
      redis.call('HSET', key, 'run_at', ms(due))
      redis.call('ZADD', RETRYING, ms(due), id)
      count('retried')
    elseif due > now then
      redis.call('HSET', key, 'run_at', ms(due))
      redis.call('ZADD', SCHEDULED, ms(due), id)
    else
      redis.call('HSET', key, 'ready', ms(now))
      make_ready(id, f[3], f[4])
    end
    rings = rings + 1
    emit_state(id, now, attempt, state, error_json)
  else
    finalise(id, state, now, attempt, error_json)
  end
  return state
end

for at = 2, #ARGV, 7 do
  reply[#reply + 1] = finish_one(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5],
    ARGV[at + 6])
end
if rings > 0 then ring(rings) end
commit(now)
return reply
