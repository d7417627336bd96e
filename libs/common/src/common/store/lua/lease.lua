-- What a fetch does around taking jobs: leases, its repeat, suspects, and why nothing could start.

local function lease(members, now, lease_ms, window, fetched, number)
  local leases = {}
  for _, member in ipairs(members) do
    leases[#leases + 1] = ms(now + lease_ms)
    leases[#leases + 1] = member
  end
  in_slices('ZADD', LEASES, leases)
  if window then note_starts(STARTS, window, members, now) end
  redis.call('SET', fetched, number .. ' ' .. table.concat(members, ' '), 'PX', lease_ms)
end

local function repeat_fetch(reply, last)
  for member in string.gmatch(string.match(last, ' (.*)$'), '[^ ]+') do
    if redis.call('ZSCORE', LEASES, member) then
      local id = split_member(member)
      local f = run_fields(id, 'spent', 'lost', 'alone')
      leased_row(reply, member, f[1], f[2], f[3], redis.call('GET', job_key(id)) or '')
    end
  end
end

local TURN = PREFIX .. 'suspect_turn'

-- Starts the suspect that has waited longest, on a worker that runs nothing else.
local function take_suspect(reply, members, now, worker)
  local due = redis.call('ZRANGE', SUSPECTS, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, 1)
  if not due[1] then return end
  redis.call('ZREM', SUSPECTS, due[1])
  if redis.call('GET', TURN) == worker then redis.call('DEL', TURN) end
  start(due[1], redis.call('GET', job_key(due[1])), true, reply, members, now, worker, true)
end

-- Returns 1 if a suspect is due and this worker is the one that should become free for it.
local function suspect_waits(now, worker, lease_ms)
  if redis.call('ZCOUNT', SUSPECTS, '-inf', ms(now)) == 0 then return 0 end
  local turn = redis.call('GET', TURN)
  if turn and turn ~= worker then return 0 end
  redis.call('SET', TURN, worker, 'PX', lease_ms)
  return 1
end

-- Writes why ready jobs were passed over, or that none was; only when that changed from what it was `before`.
local function note_reason(gate, before, now)
  local told = gate and table.concat({gate[1], ms(gate[3]), ms(gate[4]), gate[5] and ms(gate[5]) or ''}, '\t') or ''
  if told == '' then
    if before then redis.call('HDEL', CONFIG, 'passed_over', 'passed_over_at') end
  elseif before ~= told then
    redis.call('HSET', CONFIG, 'passed_over', told, 'passed_over_at', ms(now))
  end
end

-- When (ms) something may be ready that is not now; nil if only a job's end or a submit can change that. `next_lease`
-- is when the first lease runs out, if no job waits for a time and no tenant is held.
local function nearest_due(looks_again, gate, next_lease)
  local nearest = looks_again
  if next_lease then
    if next_lease < math.huge and (not nearest or next_lease < nearest) then nearest = next_lease end
    if gate and gate[5] and (not nearest or gate[5] < nearest) then nearest = gate[5] end
    return nearest
  end
  for _, waiting in ipairs({SCHEDULED, RETRYING, LEASES, SUSPECTS, HELD, EXPIRING}) do
    local head = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
    local at = head[2] and tonumber(head[2])
    if at and at < math.huge and not (waiting == RETRYING and looks_again) and (not nearest or at < nearest) then
      nearest = at
    end
  end
  if gate and gate[5] and (not nearest or gate[5] < nearest) then nearest = gate[5] end
  return nearest
end
