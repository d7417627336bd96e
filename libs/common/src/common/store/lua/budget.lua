-- What the scripts of one tenant's budgets share. KEYS are those of keys.budget().
local LIMITS, LEASES, CALLS, PREFIX = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local DAY_MS = 86400000
-- A day's figures are kept so long, and a batch's so long after its last call.
local KEEP_MS = 40 * DAY_MS

local function whole(number) return string.format('%.0f', number) end

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An attempt's figures are asked for soon after its end, or not at all.
local KEEP_ATTEMPT_MS = DAY_MS
local function attempt_book(attempt) return PREFIX .. 'attempt:' .. attempt end

-- Whose a call is: day, batch ('': none), job if that has a bound of its own, and attempt "id/attempt" ('': not known).
-- It is written into a book of each, and the tenant's.
local function write(whose, field, by)
  if by == 0 then return end
  by = whole(by)
  redis.call('HINCRBY', PREFIX .. 'total', field, by)
  for _, name in ipairs({'day', 'batch', 'job'}) do
    if whose[name] ~= '' then
      local book = PREFIX .. name .. ':' .. whose[name]
      redis.call('HINCRBY', book, field, by)
      redis.call('PEXPIRE', book, KEEP_MS)
    end
  end
  if whose.attempt ~= '' then
    redis.call('HINCRBY', attempt_book(whose.attempt), field, by)
    if field == 'held' then redis.call('PEXPIRE', attempt_book(whose.attempt), KEEP_ATTEMPT_MS) end
  end
end

-- A reservation: its amount, and whose the call is.
local function spelled(amount, whose)
  return table.concat({amount .. '|' .. whose.day .. '|' .. whose.batch, whose.job, whose.attempt}, '\t')
end
-- One of a former version has no attempt, and may have no job.
local function read(held)
  local amount, day, batch, job, attempt = string.match(held, '^(%d+)|(%d+)|([^\t]*)\t?([^\t]*)\t?(.*)$')
  return tonumber(amount), {day = day, batch = batch, job = job, attempt = attempt}
end
local function reservation(token)
  local held = redis.call('HGET', CALLS, token)
  if held then return read(held) end
end

-- A caller that died may have spent what it reserved: it counts as spent, for nothing, until its answer turns up after
-- all.
local function lapse(token, amount, whose)
  write(whose, 'held', -amount)
  write(whose, 'spent', amount)
  write(whose, 'wasted', amount)
  write(whose, 'lapsed', 1)
  redis.call('SET', PREFIX .. 'lapsed:' .. token, spelled(whole(amount), whose), 'PX', DAY_MS)
  redis.call('HDEL', CALLS, token)
end
-- Takes that back: returns what it reserved, and whose it is; nil if it did not lapse.
local function unlapse(token)
  local lapsed = redis.call('GETDEL', PREFIX .. 'lapsed:' .. token)
  if not lapsed then return nil end
  local amount, whose = read(lapsed)
  write(whose, 'spent', -amount)
  write(whose, 'wasted', -amount)
  write(whose, 'lapsed', -1)
  return amount, whose
end

local REAPED_MAX = 100
local function reap(now)
  for _, token in ipairs(redis.call('ZRANGE', LEASES, '-inf', whole(now), 'BYSCORE', 'LIMIT', 0, REAPED_MAX)) do
    local amount, whose = reservation(token)
    if amount then lapse(token, amount, whose) end
    redis.call('ZREM', LEASES, token)
  end
end

-- The limits that bind a call: {scope, book, most, policy}. That of its job comes first: no time renews it.
local function limits_of(day, batch, job, bound)
  local found = {}
  local function add(scope, book, limit)
    if not limit then return end
    local most, policy = string.match(limit, '^(%d+)|(%u+)$')
    found[#found + 1] = {scope, book, tonumber(most), policy}
  end
  if job ~= '' then found[1] = {'JOB', PREFIX .. 'job:' .. job, tonumber(bound), 'CHEAPER'} end
  local names = {'total', 'day', 'batch', 'batch:' .. batch}
  local set = redis.call('HMGET', LIMITS, unpack(names))
  add('TOTAL', PREFIX .. 'total', set[1])
  add('DAY', PREFIX .. 'day:' .. day, set[2])
  if batch ~= '' then add('BATCH', PREFIX .. 'batch:' .. batch, set[4] or set[3]) end
  return found
end
