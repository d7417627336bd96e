-- What every script of a queue shares: its keys, clock, counters, events, and the ready structures.
-- KEYS are those of QueueKeys.all(); keys of single jobs are built from the prefix, in the same slot.
local CONFIG, TENANTS, SCHEDULED, RETRYING, LEASES, CANCELLING = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local EVENTS, COUNTERS, CLOCK, WAKE, JOBS, PREFIX = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]

-- Added to the ready time, by priority (ms). Held to common.job.priority by a test.
local ALLOWANCE_MS = {
  CRITICAL = -10000000000000, HIGH = 60000, NORMAL = 600000, LOW = 3600000, BACKGROUND = 21600000,
}
-- Entries that the event stream keeps, about: this many, or fewer if they are as large as the newest one
-- and would take more bytes, but never fewer than the least.
local EVENTS_KEPT, EVENTS_LEAST, EVENTS_BYTES = 20000, 500, 67108864
-- A minute's counts live this long (s).
local MINUTE_TTL_S = 7800
-- Tokens on the wake list; more consumers than this wake each other.
local WAKE_MAX = 64
-- At least this many final jobs are kept, and at least this long (ms), by state.
local KEPT = {SUCCEEDED = 100, FAILED = 50, CANCELLED = 50, EXPIRED = 50}
local KEPT_MS = {SUCCEEDED = 86400000, FAILED = 604800000, CANCELLED = 86400000, EXPIRED = 86400000}

local function job_key(id) return PREFIX .. 'job:' .. id end
local function ready_key(tenant) return PREFIX .. 'ready:' .. tenant end

-- The time in ms: the caller's, in tests; else the server's, but never earlier than it was before.
local function clock(given)
  local now
  if given ~= '' then
    now = tonumber(given)
  else
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  local seen = tonumber(redis.call('GET', CLOCK) or 0)
  if seen >= now then return seen end
  redis.call('SET', CLOCK, string.format('%.0f', now))
  return now
end

local function ms(number) return string.format('%.0f', number) end

-- Counts and gauges of this call, written once at its end by commit().
local counts, gauges, lines = {}, {}, {}
local function count(field, by) counts[field] = (counts[field] or 0) + (by or 1) end
local function gauge(field, by) gauges[field] = (gauges[field] or 0) + by end

-- A histogram's bucket: four to an octave of milliseconds, so 19 % wide. See common.store.histogram.
local function observe(kind, elapsed_ms)
  if elapsed_ms < 0 then elapsed_ms = 0 end
  count(kind .. math.floor(4 * math.log(elapsed_ms + 1) / math.log(2)))
end

local function emit(kind, id, now, attempt, ...)
  lines[#lines + 1] = table.concat({kind, id, ms(now), attempt, ...}, '\t')
end

local function emit_state(id, now, attempt, state, error_json)
  emit('S', id, now, attempt, state, error_json or '')
end

-- Appends an entry to the event stream; `data` is the bytes of a part, or nil.
local function append_events(text, data)
  local bytes = #text + (data and #data or 0)
  local kept = math.max(EVENTS_LEAST, math.min(EVENTS_KEPT, math.floor(EVENTS_BYTES / bytes)))
  if data then
    redis.call('XADD', EVENTS, 'MAXLEN', '~', kept, '*', '1', text, 'data', data)
  else
    redis.call('XADD', EVENTS, 'MAXLEN', '~', kept, '*', '1', text)
  end
end

local function commit_counts(now)
  local minute = PREFIX .. 'minute:' .. ms(math.floor(now / 60000))
  local counted = false
  for field, by in pairs(counts) do
    redis.call('HINCRBY', minute, field, by)
    -- Histograms are kept by the minute only; totals are plain counts.
    if not string.find(field, '%d$') then redis.call('HINCRBY', COUNTERS, field, by) end
    counted = true
  end
  if counted then redis.call('EXPIRE', minute, MINUTE_TTL_S) end
  for field, by in pairs(gauges) do
    if by ~= 0 then redis.call('HINCRBY', COUNTERS, field, by) end
  end
  if #lines > 0 then append_events(table.concat(lines, '\n')) end
end

-- Wakes up to `jobs` consumers.
local function ring(jobs)
  local tokens = math.min(jobs, WAKE_MAX - redis.call('LLEN', WAKE))
  for _ = 1, tokens do redis.call('RPUSH', WAKE, '1') end
end

-- Puts a PENDING job where fetch takes it. A tenant that was idle joins at the present virtual time.
local function make_ready(id, tenant, score)
  redis.call('ZADD', ready_key(tenant), score, id)
  redis.call('ZADD', TENANTS, 'NX', redis.call('HGET', COUNTERS, 'vtime') or '0', tenant)
  gauge('ready', 1)
end

local function forget_ready(id, tenant)
  if redis.call('ZREM', ready_key(tenant), id) == 1 then
    gauge('ready', -1)
    if redis.call('ZCARD', ready_key(tenant)) == 0 then redis.call('ZREM', TENANTS, tenant) end
  end
end

local function delete_job(id)
  redis.call('UNLINK', job_key(id), PREFIX .. 'payload:' .. id, PREFIX .. 'result:' .. id, PREFIX .. 'parts:' .. id,
    PREFIX .. 'logs:' .. id, PREFIX .. 'checkpoint:' .. id)
  redis.call('ZREM', JOBS, id)
end

-- Calls a variadic command for a list of arguments, a slice at a time.
local function in_slices(command, key, list)
  for from = 1, #list, 1000 do
    redis.call(command, key, unpack(list, from, math.min(from + 999, #list)))
  end
end

-- Removes a few final jobs that are both more than are kept and older than they are kept.
local function trim(state, now, most)
  local done = PREFIX .. 'done:' .. state
  local surplus = redis.call('ZCARD', done) - KEPT[state]
  if surplus <= 0 then return end
  local old = redis.call('ZRANGE', done, '-inf', ms(now - KEPT_MS[state]), 'BYSCORE', 'LIMIT', 0, math.min(surplus, most))
  for _, id in ipairs(old) do
    redis.call('ZREM', done, id)
    delete_job(id)
  end
end

-- Makes a job final, but for its entry among the final ones, which note_done() keeps for the whole call.
local done = {}
local function note_done(id, state, now, attempt, error_json)
  local entries = done[state] or {}
  done[state] = entries
  entries[#entries + 1] = ms(now)
  entries[#entries + 1] = id
  count(string.lower(state))
  emit_state(id, now, attempt, state, error_json)
end

-- Writes what note_done() noted, and removes a few old jobs of the same states.
local function commit_done(now)
  for state, entries in pairs(done) do
    in_slices('ZADD', PREFIX .. 'done:' .. state, entries)
    trim(state, now, 8 + #entries)
  end
end

local function finalise(id, state, now, attempt, error_json)
  redis.call('HSET', job_key(id), 'state', state, 'ended', ms(now), 'updated', ms(now))
  if error_json and error_json ~= '' then redis.call('HSET', job_key(id), 'error', error_json) end
  redis.call('HINCRBY', job_key(id), 'revision', 1)
  note_done(id, state, now, attempt, error_json)
end

-- Splits "id/attempt".
local function split_member(member)
  local id, attempt = string.match(member, '^(.*)/(%d+)$')
  return id, tonumber(attempt)
end

-- Ends a call that changed something: every script that writes calls this once, last.
local function commit(now)
  commit_done(now)
  commit_counts(now)
end
