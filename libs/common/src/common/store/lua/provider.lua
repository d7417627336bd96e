-- What the scripts of one model of one provider share: keys, clock, limits and the line of calls that wait.
-- KEYS are those of ProviderKeys.all(); keys of single answers are built from the prefix, in the same slot.
local STATE, LIMITS, LINE, WAITING, LEASES, CALLS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local CLAIMS, SHARES, ANSWERS, SIZES, PREFIX = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]

-- What is limited by the minute, in the order of a call's amounts.
local DIMENSIONS = {'requests', 'tokens', 'input_tokens', 'output_tokens'}
local REASONS = {requests = 'REQUEST_LIMIT', tokens = 'TOKEN_LIMIT', input_tokens = 'INPUT_TOKEN_LIMIT',
  output_tokens = 'OUTPUT_TOKEN_LIMIT'}
local MINUTE_MS = 60000
-- A call reaches the provider within this time of its grant. The bucket here is smaller by what is refilled
-- meanwhile, so that late calls that bunch up still fit the provider's own bucket: it costs burst, never rate.
local ARRIVAL_MS = 3000

local state, changed = {}, {}
local function load_state()
  local flat = redis.call('HGETALL', STATE)
  for at = 1, #flat, 2 do state[flat[at]] = flat[at + 1] end
end
local function num(name, default) return tonumber(state[name]) or default end
-- A number so that it reads back as the same.
local function exact(number) return string.format('%.17g', number) end
local function put(name, value)
  state[name] = type(value) == 'number' and exact(value) or value
  changed[name] = true
end
local function save_state()
  local fields, gone = {}, {}
  for name in pairs(changed) do
    if state[name] == nil or state[name] == '' then
      gone[#gone + 1] = name
    else
      fields[#fields + 1] = name
      fields[#fields + 1] = state[name]
    end
  end
  if #fields > 0 then redis.call('HSET', STATE, unpack(fields)) end
  if #gone > 0 then redis.call('HDEL', STATE, unpack(gone)) end
end

-- The time in ms: the caller's, in tests; else the server's. It never runs backwards.
local function clock(given)
  local now = tonumber(given)
  if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  now = math.max(now, num('clock', 0))
  put('clock', now)
  return now
end

-- One limit: the operator's or the provider's own, whichever lets less through; its period (ms); whether it is
-- the provider's, whose word on what remains then counts for more as well as for less.
local set = {}
local function limit_of(dimension)
  local own, told = tonumber(set[dimension]), num('limit:' .. dimension)
  local period = num('period:' .. dimension, MINUTE_MS)
  if told and (not own or told / period <= own / MINUTE_MS) then return told, period, true end
  return own, MINUTE_MS, false
end

-- When a model is back after it was away, all that was held comes. Of a limit by the minute so much may then be
-- saved up as it gives in 5 s; that stays for as long as those who were held may be told to look again (LOOK_MS and
-- SPREAD_MS), and grows back to the whole evenly. It costs burst, never rate: while calls wait, nothing is saved up.
local BURST_SHARE, BURST_FLAT_MS, BURST_GROWS_MS = 1 / 12, 120000, 120000
local function capacity_of(now, limit, period)
  local whole = limit - limit / period * math.min(ARRIVAL_MS, period / 2)
  local since = now - num('back_at', -1e15)
  if period > MINUTE_MS or since >= BURST_FLAT_MS + BURST_GROWS_MS then return whole end
  local least = math.min(whole, limit * BURST_SHARE)
  return least + (whole - least) * math.max(0, since - BURST_FLAT_MS) / BURST_GROWS_MS
end

-- The buckets by dimension, filled up to now: {rate by ms, capacity, level, whether it is the provider's}.
local buckets = {}
local function fill(now)
  local flat = redis.call('HGETALL', LIMITS)
  for at = 1, #flat, 2 do set[flat[at]] = flat[at + 1] end
  for _, dimension in ipairs(DIMENSIONS) do
    local limit, period, told = limit_of(dimension)
    if limit then
      local rate, capacity = limit / period, capacity_of(now, limit, period)
      local level = num('level:' .. dimension, capacity) + rate * (now - num('at', now))
      buckets[dimension] = {rate, capacity, math.min(capacity, level), told}
    end
  end
end
local function save_buckets(now)
  for _, dimension in ipairs(DIMENSIONS) do
    put('level:' .. dimension, buckets[dimension] and buckets[dimension][3] or '')
  end
  put('at', now)
end

local function split(text)
  local parts = {}
  for part in string.gmatch(text, '[^|]+') do parts[#parts + 1] = part end
  return parts
end

-- Calls that may be in flight: what has proved to go well, within the operator's limit, which is believed at first.
local FLIGHT_FIRST, FLIGHT_MAX = 8, 1000
local function flight_now() return num('flight', tonumber(set.in_flight) or FLIGHT_FIRST) end
local function may_fly()
  local most = math.min(FLIGHT_MAX, tonumber(set.in_flight) or FLIGHT_MAX)
  return math.max(1, math.min(most, math.floor(flight_now())))
end
local function fly_more(flying)
  local flight = flight_now()
  -- What is not used proves nothing.
  if flying * 2 < flight then return end
  local step = flight < num('threshold', FLIGHT_MAX) and 1 or 1 / flight
  put('flight', math.min(FLIGHT_MAX, flight + step))
end
-- Once for all calls that were under way together.
local function fly_less(now)
  if now - num('cut_at', -1e15) < num('latency', 1000) then return end
  put('flight', math.max(1, flight_now() * 0.7))
  put('threshold', num('flight'))
  put('cut_at', now)
end

-- Takes a call out of the line; what it was charged of its tenant's share returns.
local function leave(token, refund)
  local entry = redis.call('HGET', WAITING, token)
  if not entry then return nil end
  local score = tonumber(redis.call('ZSCORE', LINE, token))
  redis.call('ZREM', LINE, token)
  redis.call('HDEL', WAITING, token)
  if refund then
    local parts = split(entry)
    local share = tonumber(redis.call('HGET', SHARES, parts[1]) or 0) - tonumber(parts[2])
    redis.call('HSET', SHARES, parts[1], exact(share))
  end
  return score
end

-- Frees what calls held whose callers have gone. What they sent may have been paid for: who asks the same within
-- a day is told.
local DOUBT_MS, REAPED_MAX = 86400000, 100
local function reap(now)
  for _, token in ipairs(redis.call('ZRANGE', LEASES, '-inf', exact(now), 'BYSCORE', 'LIMIT', 0, REAPED_MAX)) do
    local call = redis.call('HGET', CALLS, token)
    redis.call('ZREM', LEASES, token)
    redis.call('HDEL', CALLS, token)
    if call then
      local id = split(call)[1]
      if redis.call('HGET', CLAIMS, id) == token then redis.call('HDEL', CLAIMS, id) end
      redis.call('INCR', PREFIX .. 'doubt:' .. id)
      redis.call('PEXPIRE', PREFIX .. 'doubt:' .. id, DOUBT_MS)
    end
    put('lapsed', num('lapsed', 0) + 1)
  end
end
