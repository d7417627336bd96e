-- What every script of a queue shares: its keys, clock, counts and events.
-- KEYS are those of QueueKeys.all(); keys of single jobs and tenants are built from the prefix, in the same slot.
local CONFIG, TENANTS, SCHEDULED, RETRYING, LEASES, CANCELLING = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local EVENTS, COUNTERS, CLOCK, WAKE, HELD, EXPIRING = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local STARTS, SUSPECTS, OUTBOX, EVERYONE, LEASED, PREFIX = KEYS[13], KEYS[14], KEYS[15], KEYS[16], KEYS[17], KEYS[18]

local DEFAULT_TENANT = 'default'
-- Entries that the event stream keeps, about: this many, or fewer if they are as large as the newest one
-- and would take more bytes, but never fewer than the least.
local EVENTS_KEPT, EVENTS_LEAST, EVENTS_BYTES = 20000, 500, 67108864
-- A minute's counts live this long (s).
local MINUTE_TTL_S = 7800
-- Tokens on the wake list; more consumers than this wake each other.
local WAKE_MAX = 64

-- A time (ms) as text. Most calls spell one time over and over, and to spell it is dear.
local spelled, spelling
local function ms(number)
  if number ~= spelled then spelled, spelling = number, string.format('%.0f', number) end
  return spelling
end

-- The time in ms: the caller's, in tests; else the server's, but never earlier than it was before. Returns what a key
-- beside the clock holds as well, if one is named.
local function clock(given, beside)
  local now
  if given ~= '' then
    now = tonumber(given)
  else
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  if not beside then
    local seen = tonumber(redis.call('SET', CLOCK, ms(now), 'GET') or 0)
    if seen <= now then return now end
    redis.call('SET', CLOCK, ms(seen))
    return seen
  end
  local seen, held = unpack(redis.call('MGET', CLOCK, beside))
  seen = tonumber(seen or 0)
  if seen >= now then return seen, held end
  redis.call('SET', CLOCK, ms(now))
  return now, held
end

-- The same for scripts that write nothing.
local function clock_read(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(redis.call('GET', CLOCK) or 0))
end

-- Counts and gauges of this call, written once at its end by commit().
local counts, gauges, leased = {}, {}, {}
local function count(field, by) counts[field] = (counts[field] or 0) + (by or 1) end
local function gauge(field, by) gauges[field] = (gauges[field] or 0) + by end
-- How many leases a tenant holds.
local function note_leased(tenant, by) leased[tenant] = (leased[tenant] or 0) + by end

-- A histogram's bucket: four to an octave of milliseconds, so 19 % wide: 4 / ln 2 to a factor of e. See common.store.histogram.
local BUCKETS_PER_E = 5.7707801635558535
local buckets = {}
local function observe(kind, elapsed_ms)
  if elapsed_ms < 0 then elapsed_ms = 0 end
  local known = buckets[kind]
  if not known then
    known = {}
    buckets[kind] = known
  end
  local field = known[elapsed_ms]
  if not field then
    field = kind .. math.floor(BUCKETS_PER_E * math.log(elapsed_ms + 1))
    known[elapsed_ms] = field
  end
  counts[field] = (counts[field] or 0) + 1
end

-- Events of this call, written as one entry. See common.store.events for the lines.
local lines, told_at = {}, nil
-- The time of a line: nothing if it is that of the line before.
local function told(now)
  if now == told_at then return '' end
  told_at = now
  return ms(now)
end

local function shown(tenant) return tenant == DEFAULT_TENANT and '' or tenant end

-- How an event names the state that a job comes from. A new one comes from none.
local LETTERS = {SCHEDULED = 'H', PENDING = 'P', RUNNING = 'R', RETRYING = 'T', CANCELLING = 'K', FAILED = 'F',
  CANCELLED = 'C', EXPIRED = 'X'}

-- What the last line about a state said beside its job and its time, unless it told of an error. A line that would say
-- the same, of the same time, is the id alone.
local alike = {}
local function emit_state(id, tenant, now, attempt, before, state, error_json)
  if state == alike[1] and before == alike[2] and attempt == alike[3] and tenant == alike[4] and now == told_at
    and not error_json then
    lines[#lines + 1] = id
    return
  end
  alike = error_json and {} or {state, before, attempt, tenant}
  lines[#lines + 1] = 'S\t' .. id .. '\t' .. told(now) .. '\t' .. attempt .. '\t' .. state .. '\t'
    .. (error_json or '') .. '\t' .. shown(tenant) .. '\t' .. (LETTERS[before] or '-')
end

-- Tells that a job was changed ('U') or removed ('D') on request.
local function emit_change(kind, id, tenant, now, attempt)
  lines[#lines + 1] = kind .. '\t' .. id .. '\t' .. told(now) .. '\t' .. attempt .. '\t' .. shown(tenant)
end

-- Appends an entry to the event stream; returns its id.
local function append_events(text)
  local kept = math.max(EVENTS_LEAST, math.min(EVENTS_KEPT, math.floor(EVENTS_BYTES / #text)))
  return redis.call('XADD', EVENTS, 'MAXLEN', '~', kept, '*', '1', text)
end

-- Calls a variadic command for a list of arguments, a slice at a time.
local function in_slices(command, key, list)
  for from = 1, #list, 1000 do
    redis.call(command, key, unpack(list, from, math.min(from + 999, #list)))
  end
end

-- Sets keys to values, which stand in turns in a list.
local function set_all(list)
  for from = 1, #list, 1000 do redis.call('MSET', unpack(list, from, math.min(from + 999, #list))) end
end

-- Wakes up to `jobs` consumers. `tokens` of them are woken already, if that is known.
local function ring(jobs, tokens)
  tokens = math.min(jobs, WAKE_MAX - (tokens or redis.call('LLEN', WAKE)))
  if tokens <= 0 then return end
  local rung = {}
  for place = 1, tokens do rung[place] = '1' end
  redis.call('RPUSH', WAKE, unpack(rung))
end

-- Splits "id/attempt".
local function split_member(member)
  local id, attempt = string.match(member, '^(.*)/(%d+)$')
  return id, tonumber(attempt)
end

local function minute_key(now, back) return PREFIX .. 'minute:' .. ms(math.floor(now / 60000) - (back or 0)) end

-- Ends a call that changed something: every script that writes calls this once, last.
local BEFORE_COMMIT = {}
local function commit(now)
  for _, step in ipairs(BEFORE_COMMIT) do step(now) end
  local minute = minute_key(now)
  local is_new = false
  for field, by in pairs(counts) do
    -- The first count of a minute is the first of its field.
    if redis.call('HINCRBY', minute, field, by) == by then is_new = true end
    -- Histograms are kept by the minute only; totals are plain counts.
    if not string.find(field, '%d$') then redis.call('HINCRBY', COUNTERS, field, by) end
  end
  if is_new then redis.call('EXPIRE', minute, MINUTE_TTL_S) end
  for field, by in pairs(gauges) do
    if by ~= 0 then redis.call('HINCRBY', COUNTERS, field, by) end
  end
  for tenant, by in pairs(leased) do
    if by ~= 0 and redis.call('HINCRBY', LEASED, tenant, by) <= 0 then redis.call('HDEL', LEASED, tenant) end
  end
  if #lines > 0 then append_events(table.concat(lines, '\n')) end
end
