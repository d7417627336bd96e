-- The circuit of a model: CLOSED lets all calls through, OPEN none, PROBING one, RAMPING a few and then more.
-- Fields of the state: circuit, circuit_until, circuit_reason, circuit_key, opened (times in a row), failures (in a
-- row), opened_at, probe (the token of the call that tries), ramped (calls that went well since), flight_was (calls
-- that could be in flight before those failures), back_at (see provider.lua).
local FAILURES_MAX, RAMP_CALLS = 5, 10
local OPEN_MS, OPEN_MAX_MS = 5000, 60000
-- Nobody knows when a quota is renewed whose reset was not told: one call looks after so long.
local QUOTA_MS = 300000
-- Nobody knows when a key changes, or when an operator closes a circuit or ends a pause: who is held looks again
-- after this at most.
local LOOK_MS = 60000
-- What a person must see to; calls that are held are told so.
local FOR_PEOPLE = {QUOTA_EXHAUSTED = true, AUTHENTICATION = true}

local function open_circuit(now, reason, until_ms, key)
  local opened = num('opened', 0) + 1
  put('circuit', 'OPEN')
  put('opened', opened)
  put('opened_at', now)
  put('circuit_until', until_ms or now + math.min(OPEN_MAX_MS, OPEN_MS * 2 ^ math.min(10, opened - 1)))
  put('circuit_reason', reason)
  put('circuit_key', key)
  put('probe', '')
  put('failures', 0)
end

-- Whether a call may go as far as the circuit goes: nil, or the reason and when to look again (ms).
local function circuit_blocks(now, key)
  local circuit = state.circuit or 'CLOSED'
  if circuit == 'OPEN' then
    local other_key = state.circuit_key and state.circuit_key ~= key
    local waits_for_key = state.circuit_reason == 'AUTHENTICATION'
    if not other_key and (waits_for_key or now < num('circuit_until', 0)) then
      local look_at = waits_for_key and now + LOOK_MS or math.min(now + LOOK_MS, num('circuit_until', now))
      return FOR_PEOPLE[state.circuit_reason] and state.circuit_reason or 'CIRCUIT_OPEN', look_at
    end
    put('circuit', 'PROBING')
    circuit = 'PROBING'
  end
  if circuit == 'PROBING' and state.probe and state.probe ~= '' and redis.call('ZSCORE', LEASES, state.probe) then
    return 'CIRCUIT_PROBING', now + math.max(100, num('latency', 1000))
  end
end

-- A call that is let through while the circuit probes is the probe.
local function circuit_granted(token)
  if state.circuit == 'PROBING' then put('probe', token) end
end

local function circuit_close()
  for _, name in ipairs({'circuit', 'circuit_until', 'circuit_reason', 'circuit_key', 'opened', 'opened_at', 'probe',
    'ramped'}) do put(name, '') end
end

-- The model is back: begin with few calls, twice as many each time they went well, up to what went well before.
local function come_back(now)
  put('back_at', now)
  put('threshold', math.max(2, num('flight_was', flight_now())))
  put('flight', 2)
end

local function circuit_went_well(now, token)
  put('failures', 0)
  if state.circuit == 'PROBING' and state.probe == token then
    put('circuit', 'RAMPING')
    put('ramped', 0)
    put('probe', '')
    come_back(now)
  elseif state.circuit == 'RAMPING' then
    put('ramped', num('ramped', 0) + 1)
    if num('ramped', 0) >= RAMP_CALLS then circuit_close() end
  end
end

-- A failure of a class that opens the circuit: at once, or when enough of them came in a row.
local function circuit_went_wrong(now, token, granted_at, class, reset_ms, key)
  local circuit = state.circuit or 'CLOSED'
  if circuit == 'OPEN' and state.circuit_reason == 'AUTHENTICATION' then return end
  if class == 'AUTHENTICATION' then return open_circuit(now, class, now + LOOK_MS, key) end
  if class == 'QUOTA_EXHAUSTED' then return open_circuit(now, class, now + (reset_ms or QUOTA_MS), key) end
  -- Calls that began before it opened say nothing new.
  if circuit ~= 'CLOSED' and granted_at <= num('opened_at', 0) then return end
  put('failures', num('failures', 0) + 1)
  if circuit ~= 'CLOSED' or num('failures', 0) >= FAILURES_MAX then
    open_circuit(now, class, reset_ms and now + reset_ms or nil, '')
  end
end
