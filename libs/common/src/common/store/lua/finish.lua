#!lua flags=allow-oom
-- Commit how attempts ended. A batch; each job is fenced by its own lease member.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  how many jobs there are that have succeeded with nothing to keep
--   then their members "id/attempt"
--   then for each other job 9 values:
--     member "id/attempt", outcome (succeed, fail, retry, release, cancelled), delay (ms), error as JSON or '' (for a
--     release: why), media type of the result or '', result, new payload or '', usage as JSON or '', what its end
--     causes elsewhere, for the outbox, or ''
--
-- Output, for each job: the state it is in now, or 'STALE' if another attempt holds it or it ended
-- otherwise. A repeat with the same member gets the first answer.
-- @include queue
-- @include record
-- @include messages
-- @include ready
-- @include final
-- @include accounts

local now = clock(ARGV[1])
local reply = {}
local rings = 0

-- The state that an outcome leads to. Held to common.job.states by a test.
local NEXT = {
  RUNNING = {succeed = 'SUCCEEDED', fail = 'FAILED', retry = 'RETRYING', release = 'PENDING', cancelled = 'CANCELLED'},
  CANCELLING = {succeed = 'SUCCEEDED', fail = 'CANCELLED', retry = 'CANCELLED', release = 'CANCELLED',
    cancelled = 'CANCELLED'},
}

local plainly = tonumber(ARGV[2])
local others = 3 + plainly
local members = {unpack(ARGV, 3, others - 1)}
for at = others, #ARGV, 9 do members[#members + 1] = ARGV[at] end

-- Their ids, the keys of their runs, and the runs as far as they are brief.
local ids, keys = {}, {}
for place, member in ipairs(members) do
  ids[place] = string.match(member, '^(.*)/%d+$')
  keys[place] = run_key(ids[place])
end
local found = redis.call('MGET', unpack(keys))

-- One read and one removal fence the whole batch. A brief run that runs has its lease: whatever ends one without
-- the other opens or removes the run.
local held, unsure = {}, {}
for place, member in ipairs(members) do
  if found[place] and string.byte(found[place], 1) == RUNS and string.sub(member, -2) == '/1' then
    held[member] = ms(now)
  else
    unsure[#unsure + 1] = member
  end
end
local scores = #unsure > 0 and redis.call('ZMSCORE', LEASES, unpack(unsure)) or {}
for place, member in ipairs(unsure) do held[member] = scores[place] end
redis.call('ZREM', LEASES, unpack(members))
if redis.call('EXISTS', CANCELLING) == 1 then redis.call('SREM', CANCELLING, unpack(members)) end

-- Puts a job where it waits that runs again, and its history aside.
local function wait_again(id, key, outcome, state, due, attempt, error_json, usage)
  local fields = header_of(id)
  watch_expiry(id, fields)
  keep_attempt(id, now, outcome == 'retry' and 'FAILED' or 'RELEASED', error_json, usage)
  rings = rings + 1
  redis.call('HSET', key, 'updated', ms(now))
  if state == 'PENDING' and due <= now then
    make_ready(id, fields[H.tenant], fields[H.score])
    redis.call('HSET', key, 'ready', ms(now))
    return
  end
  redis.call('ZADD', state == 'RETRYING' and RETRYING or SCHEDULED, ms(due), id)
  redis.call('HSET', key, 'run_at', ms(due))
  if state == 'RETRYING' then count('retried') end
end

-- Notes what the end of an attempt causes elsewhere; last, when all else of it is written.
local function cause(member, outbox)
  if outbox ~= '' then redis.call('XADD', OUTBOX, '*', 'job', member, 'put', outbox) end
end

-- Adds what an attempt paid to what its job paid. All that a failed one paid was wasted; its tenant is to hear that.
local COST, WASTED = 6, 8
local function add_paid(key, member, usage, failed)
  local spelled = string.match(usage, '"paid":%[([%d,]+)%]')
  if not spelled then return end
  local sums, paid = numbers_of(redis.call('HGET', key, 'paid')), numbers_of(spelled)
  if failed then
    paid[WASTED] = paid[COST]
    open_account(member, now, spelled_paid(paid))
  end
  for place, number in ipairs(paid) do sums[place] = sums[place] + number end
  redis.call('HSET', key, 'paid', spelled_paid(sums))
end

-- Runs that stay brief, by keys and values: written at once, when all have ended.
local briefs = {}
local function end_briefly(place, brief, tenant)
  briefs[#briefs + 1], briefs[#briefs + 2] = keys[place], brief
  note_done(ids[place], tenant, 'RUNNING', 'SUCCEEDED', now, '1')
  note_leased(tenant, -1)
  return 'SUCCEEDED'
end

local function finish_one(place, member, outcome, delay, error_json, media, result, payload, usage, outbox)
  local id, brief, attempt = ids[place], found[place], string.match(member, '%d+$')
  local f = fields_of(id, brief, 'state', 'finished', 'tenant', 'started', 'spent', 'checkpoint', 'attempt')
  if not held[member] then
    local last, answer = string.match(f[2] or '', '^(%d+) (%u+)$')
    if not last and f[1] == 'SUCCEEDED' then last, answer = f[7], f[1] end
    return last == attempt and answer or 'STALE'
  end
  -- A record that is gone or damaged must not stop the batch.
  if not NEXT[f[1]] then return 'STALE' end
  local tenant, state = f[3] or DEFAULT_TENANT, NEXT[f[1]][outcome]
  observe('r', now - tonumber(f[4]))
  if media ~= '' then redis.call('HSET', PREFIX .. 'result:' .. id, 'media', media, 'data', result) end
  if brief and outcome == 'succeed' and not string.find(usage, '"paid"', 1, true) then
    end_briefly(place, ended_run(brief, now, usage), tenant)
    cause(member, outbox)
    return state
  end
  local key = unfold(id, brief)
  if usage ~= '' then
    redis.call('HSET', key, 'usage', usage)
    add_paid(key, member, usage, outcome == 'retry' or outcome == 'fail')
  end
  if f[6] and state == 'SUCCEEDED' then
    redis.call('UNLINK', PREFIX .. 'checkpoint:' .. id)
    redis.call('HDEL', key, 'checkpoint')
  end
  local spent = f[5] or '0'
  if outcome ~= 'release' and outcome ~= 'cancelled' then spent = spent == '0' and '1' or ms(tonumber(spent) + 1) end
  if outcome == 'succeed' then
    redis.call('HSET', key, 'state', state, 'finished', attempt .. ' ' .. state, 'spent', spent, 'ended', ms(now))
    note_done(id, tenant, f[1], state, now, attempt)
    note_leased(tenant, -1)
    cause(member, outbox)
    return state
  end
  redis.call('HSET', key, 'state', state, 'finished', attempt .. ' ' .. state, 'spent', spent)
  if outcome == 'release' then
    if error_json ~= '' and state == 'PENDING' then redis.call('HSET', key, 'reason', error_json) end
    error_json = ''
  elseif error_json ~= '' then
    redis.call('HSET', key, 'error', error_json, 'class', string.match(error_json, '"class":"([%w_]+)"') or '',
      'cause', string.match(error_json, '"reason":"([^"\\]*)"') or '')
  end
  if payload ~= '' then replace_message(id, payload, now) end
  if state == 'RETRYING' or state == 'PENDING' then
    wait_again(id, key, outcome, state, now + tonumber(delay), attempt, error_json, usage)
    emit_state(id, tenant, now, attempt, f[1], state, error_json)
  else
    redis.call('HSET', key, 'ended', ms(now))
    note_done(id, tenant, f[1], state, now, attempt, error_json)
  end
  note_leased(tenant, -1)
  cause(member, outbox)
  return state
end

-- What brief runs that are alike have in common: the run when it has ended, how long it ran (ms), tenant.
local alike_runs = {}
local function ending_of(brief)
  local run = unfolded(brief)
  if run[2] ~= 'RUNNING' then return nil end
  return {ended_run(brief, now, ''), now - run[6], run[10] or DEFAULT_TENANT}
end

-- Ends a job that succeeded. If its run is brief, this was its first attempt, and nothing else is to be written.
local function succeed_plainly(place)
  local member, brief = members[place], found[place]
  if not brief or held[member] ~= ms(now) then return finish_one(place, member, 'succeed', '0', '', '', '', '', '', '') end
  local ending = alike_runs[brief] or ending_of(brief)
  if not ending then return 'STALE' end
  alike_runs[brief] = ending
  observe('r', ending[2])
  return end_briefly(place, ending[1], ending[3])
end

-- One job whose keys were damaged must not cost the others their ends: its lease stays, and runs out. A member that
-- stands twice in one batch ends once.
local answers = {}
local function attempt_to(place, finish, ...)
  local member = members[place]
  if answers[member] then return answers[member] end
  local done_well, answer = pcall(finish, ...)
  if not done_well then
    redis.log(redis.LOG_WARNING, 'the end of ' .. member .. ' could not be written')
    if held[member] then redis.call('ZADD', LEASES, held[member], member) end
    answer = 'STALE'
  end
  answers[member] = answer
  return answer
end

for place = 1, #members do
  if place <= plainly then
    reply[place] = attempt_to(place, succeed_plainly, place)
  else
    local at = others + 9 * (place - plainly - 1)
    reply[place] = attempt_to(place, finish_one, place, unpack(ARGV, at, at + 8))
  end
end
set_all(briefs)
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
