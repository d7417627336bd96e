-- What keeps ready jobs from starting: one place for fetch, which obeys, and for explain, which tells.
-- A gate is {kind, room, value, limit, clears}: how many more jobs it lets start now, what it measures, its limit,
-- and when (ms) it may let more through, or nil if that hangs on a job's end or on an operator.

-- A window is longer by this share, and at most so much (ms): a job's own first step comes a little after its
-- lease, and who is called must not see one start too many either.
local WINDOW_MARGIN, WINDOW_MARGIN_MAX_MS = 0.01, 250

local function window_gate(kind, spelled, starts, now)
  local most, period = string.match(spelled, '^(%d+)/(%d+)$')
  most, period = tonumber(most), tonumber(period)
  period = period + math.min(WINDOW_MARGIN_MAX_MS, math.ceil(period * WINDOW_MARGIN))
  local since = '(' .. ms(now - period)
  local used = redis.call('ZCOUNT', starts, since, '+inf')
  local clears
  if used >= most then
    -- The window has room again when the oldest start that is one too many leaves it.
    local first = redis.call('ZRANGE', starts, since, '+inf', 'BYSCORE', 'LIMIT', used - most, 1, 'WITHSCORES')
    clears = first[2] and tonumber(first[2]) + period or now
  end
  return {kind, most - used, used, most, clears}
end

-- What queue_gates and fetch read of the settings, at once.
local function settings()
  return redis.call('HMGET', CONFIG, 'paused', 'resume_at', 'concurrency', 'window', 'ramp', 'limited',
    'worker_concurrency', 'passed_over')
end

-- The gates of the whole queue, in the order in which they are looked at. `f` is what settings() returns.
local function queue_gates(now, f)
  local gates = {}
  if f[1] == '1' and not (f[2] and tonumber(f[2]) <= now) then
    gates[1] = {'PAUSED', 0, 1, 0, tonumber(f[2])}
  end
  if f[3] then
    local used, most = redis.call('ZCARD', LEASES), tonumber(f[3])
    gates[#gates + 1] = {'CONCURRENCY', most - used, used, most}
  end
  if f[5] then
    local from, length, slots = string.match(f[5], '^(%d+)|(%d+)|(%d+)$')
    from, length, slots = tonumber(from), tonumber(length), tonumber(slots)
    if now < from + length then
      local used = redis.call('ZCARD', LEASES)
      local most = math.max(1, math.floor(slots * (now - from) / length))
      local clears = math.min(from + length, from + math.ceil((most + 1) * length / slots))
      gates[#gates + 1] = {'RAMP', most - used, used, most, clears}
    end
  end
  if f[4] then gates[#gates + 1] = window_gate('WINDOW', f[4], STARTS, now) end
  return gates
end

local function tenant_starts(tenant) return PREFIX .. 'starts:' .. tenant end

-- The limits of one tenant: weight (1 by default), its window as spelled or nil, and its gates.
local function tenant_limits(tenant, now)
  local spelled = redis.call('HGET', CONFIG, 'tenant:' .. tenant)
  if not spelled then return 1, nil, {} end
  local weight, most, window = string.match(spelled, '^([^|]*)|([^|]*)|([^|]*)$')
  local gates = {}
  if most ~= '' then
    local used = tonumber(redis.call('HGET', LEASED, tenant) or 0) + (leased[tenant] or 0)
    gates[1] = {'TENANT_CONCURRENCY', tonumber(most) - used, used, tonumber(most)}
  end
  if window ~= '' then gates[#gates + 1] = window_gate('TENANT_WINDOW', window, tenant_starts(tenant), now) end
  return tonumber(weight ~= '' and weight or 1), window ~= '' and window or nil, gates
end

-- The least room of some gates, and the gate that has it; no gate, no bound.
local function narrowest(gates)
  local room, narrow = math.huge, nil
  for _, gate in ipairs(gates) do
    if gate[2] < room then room, narrow = gate[2], gate end
  end
  return room, narrow
end

-- Notes starts in a window's set, which forgets what has left the window.
local function note_starts(starts, spelled, members, now)
  local period = tonumber(string.match(spelled, '/(%d+)$')) + WINDOW_MARGIN_MAX_MS
  redis.call('ZREMRANGEBYSCORE', starts, '-inf', ms(now - period))
  local entries = {}
  for _, member in ipairs(members) do
    entries[#entries + 1] = ms(now)
    entries[#entries + 1] = member
  end
  in_slices('ZADD', starts, entries)
  redis.call('PEXPIRE', starts, ms(period))
end
