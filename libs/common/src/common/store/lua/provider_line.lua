-- The line of calls that wait for a model: start-time fair queueing (Goyal, Vin and Cheng 1996) over the tenants,
-- in tokens by weight. A waiting call is "tenant|share|until|amounts…"; who does not look again until then has gone.
-- Those ahead that are looked at; of more, the mean of these is taken.
local AHEAD_MAX = 50
-- Calls that are held come back one after the other, as fast as the limits let them; nobody is told to come later
-- than this, as some that were held will never come.
local BOOK_MAX_MS = 60000
local LOOK_LEAST_MS, LOOK_MOST_MS, LOOK_STEP_MS, GRACE_MS = 20, 1000, 10, 3000

-- What waits ahead of a place in line: how many calls, and their amounts by dimension.
local function ahead_of(now, token, score)
  local rows = redis.call('ZRANGE', LINE, 0, AHEAD_MAX - 1, 'WITHSCORES')
  local count, sums = 0, {0, 0, 0, 0}
  for at = 1, #rows, 2 do
    if rows[at] == token or tonumber(rows[at + 1]) > score then return count, sums end
    local parts = split(redis.call('HGET', WAITING, rows[at]))
    if tonumber(parts[3]) < now then
      leave(rows[at], true)
    else
      count = count + 1
      for place = 1, 4 do sums[place] = sums[place] + tonumber(parts[3 + place]) end
    end
  end
  local all = redis.call('ZCOUNT', LINE, '-inf', exact(score))
  if count > 0 and all > count then
    for place = 1, 4 do sums[place] = sums[place] * all / count end
    count = all
  end
  return count, sums
end

-- How long (ms) until these amounts fit behind those ahead, and what they wait for longest.
local function wait_for(now, amounts, count, sums)
  local wait, reason = 0, nil
  local function need(ms, why)
    if ms > wait then wait, reason = ms, why end
  end
  need(num('pause_until', 0) - now, 'PROVIDER_PAUSED')
  local may = may_fly()
  local over = redis.call('ZCARD', LEASES) + count + 1 - may
  if over > 0 then need(math.max(1, over * num('latency', 1000) / may), 'IN_FLIGHT_LIMIT') end
  for place, dimension in ipairs(DIMENSIONS) do
    local bucket = buckets[dimension]
    if bucket then
      -- A call that is larger than the bucket goes when the bucket is full, and overdraws it.
      local missing = sums[place] + math.min(amounts[place], bucket[2]) - bucket[3]
      if missing > 0 then need(math.max(1, missing / bucket[1]), REASONS[dimension]) end
    end
  end
  return math.ceil(wait), reason
end

-- How far apart (ms) calls of these amounts may begin.
local function each_takes(amounts)
  local each = num('latency', 1000) / may_fly()
  for place, dimension in ipairs(DIMENSIONS) do
    if buckets[dimension] then each = math.max(each, amounts[place] / buckets[dimension][1]) end
  end
  return each
end

-- When to look again (ms) for calls that are all held until one time: one after the other, as fast as the limits let
-- them; those that do not fit within SPREAD_MS begin from the front.
local SPREAD_MS = 60000
local function spread(look_at, amounts)
  local at = num('spread_at', 0)
  if at < look_at or at >= look_at + SPREAD_MS then at = look_at end
  put('spread_at', at + each_takes(amounts))
  return math.ceil(at)
end

-- How long a call is to stay away that would wait too long: until those held before it have had their turn (ms).
local function book(now, amounts, wait)
  local each = each_takes(amounts)
  local booked = math.max(num('booked', 0), now + wait)
  local most = now + math.max(wait, BOOK_MAX_MS)
  put('booked', math.min(most, booked + each))
  return math.ceil(math.min(most, booked) - now)
end

-- Returns GRANTED; or WAIT or HELD, the reason, and for how long (ms). Who is granted has left the line.
local function take_turn(now, token, tenant, share, amounts, longest)
  local vtime = num('vtime', 0)
  local finish = tonumber(redis.call('HGET', SHARES, tenant) or 0)
  local score = tonumber(redis.call('ZSCORE', LINE, token) or nil)
  local begins = score or math.max(vtime, finish)
  local count, sums = ahead_of(now, token, begins)
  local wait, reason = wait_for(now, amounts, count, sums)
  if wait > longest then
    leave(token, true)
    if reason ~= 'PROVIDER_PAUSED' then return 'HELD', reason, book(now, amounts, wait) end
    -- A pause is the same for all; what comes after it is told then. An operator may end it before.
    return 'HELD', reason, spread(now + math.min(wait, LOOK_MS), amounts) - now
  end
  if not score then redis.call('HSET', SHARES, tenant, exact(begins + share)) end
  if wait > 0 then
    local look = math.max(LOOK_LEAST_MS, math.min(wait, LOOK_MOST_MS + count * LOOK_STEP_MS))
    local entry = {tenant, exact(share), exact(now + look + GRACE_MS)}
    for _, amount in ipairs(amounts) do entry[#entry + 1] = exact(amount) end
    redis.call('ZADD', LINE, exact(begins), token)
    redis.call('HSET', WAITING, token, table.concat(entry, '|'))
    return 'WAIT', reason, look
  end
  leave(token, false)
  put('vtime', math.max(vtime, begins))
  -- A tenant that stands behind the line's time is as one that never called; one of many is looked at each time.
  local other = redis.call('HRANDFIELD', SHARES)
  if other and tonumber(redis.call('HGET', SHARES, other)) <= num('vtime', 0) then redis.call('HDEL', SHARES, other) end
  return 'GRANTED'
end
