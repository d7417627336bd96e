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

-- The books that a call is written into: those of the tenant, the day, the batch if it is of one, and of its job
-- if that has a bound of its own.
local function books(day, batch, job)
  local found = {PREFIX .. 'total', PREFIX .. 'day:' .. day}
  if batch ~= '' then found[3] = PREFIX .. 'batch:' .. batch end
  if job ~= '' then found[#found + 1] = PREFIX .. 'job:' .. job end
  return found
end
local function write(day, batch, job, field, by)
  if by == 0 then return end
  for place, book in ipairs(books(day, batch, job)) do
    redis.call('HINCRBY', book, field, whole(by))
    if place > 1 then redis.call('PEXPIRE', book, KEEP_MS) end
  end
end

-- A reservation: amount, day, batch and job. One without a job is spelled as it was before jobs had bounds.
local function spelled(amount, day, batch, job)
  return amount .. '|' .. day .. '|' .. batch .. (job == '' and '' or '\t' .. job)
end
local function read(held)
  local amount, day, batch, job = string.match(held, '^(%d+)|(%d+)|([^\t]*)\t?(.*)$')
  return tonumber(amount), day, batch, job
end
local function reservation(token)
  local held = redis.call('HGET', CALLS, token)
  if held then return read(held) end
end

-- A caller that died may have spent what it reserved: it counts as spent until its answer turns up after all.
local REAPED_MAX = 100
local function reap(now)
  for _, token in ipairs(redis.call('ZRANGE', LEASES, '-inf', whole(now), 'BYSCORE', 'LIMIT', 0, REAPED_MAX)) do
    local amount, day, batch, job = reservation(token)
    if amount then
      write(day, batch, job, 'held', -amount)
      write(day, batch, job, 'spent', amount)
      write(day, batch, job, 'lapsed', 1)
      redis.call('SET', PREFIX .. 'lapsed:' .. token, spelled(whole(amount), day, batch, job), 'PX', DAY_MS)
      redis.call('HDEL', CALLS, token)
    end
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
