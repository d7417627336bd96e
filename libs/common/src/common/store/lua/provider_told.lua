-- What a reply says of the provider's limits, and what a call that has ended held.

-- What calls were granted before one that are so young that they may come in after it, by dimension.
local function on_their_way(now, sums)
  local found = {0, 0, 0, 0}
  for _, call in ipairs(redis.call('HVALS', CALLS)) do
    local parts = split(call)
    if tonumber(parts[3]) > now - ARRIVAL_MS then
      for place = 1, 4 do
        if tonumber(parts[3 + 2 * place]) < sums[place] then
          found[place] = found[place] + tonumber(parts[2 + 2 * place])
        end
      end
    end
  end
  return found
end

-- Believes the provider: the limit and what remained of it when the call came in. Since then it was refilled,
-- from the latest moment at which the call can have come in, and other calls are on their way: all that were
-- granted later, and those before it that are young. To take too many for that costs burst, never rate.
local function believe(now, dimension, limit, remaining, period, granted_at, sum_at, young)
  put('limit:' .. dimension, limit)
  put('period:' .. dimension, period)
  local most, each, told = limit_of(dimension)
  local rate, capacity = most / each, capacity_of(now, most, each)
  local seen = math.min(capacity, remaining + limit / period * math.max(0, now - granted_at - ARRIVAL_MS))
    - (num('sum:' .. dimension, 0) - sum_at) - young
  local held = buckets[dimension]
  local level = told and seen or math.min(seen, held and held[3] or capacity)
  buckets[dimension] = {rate, capacity, level, told}
end

-- Ends a call: its lease, its claim, and its place in the books. `used` are the amounts that it took, nil for what
-- was reserved; `headers` are limit, remaining and period of requests and of tokens, '' where they were not told.
-- Returns when it was granted (ms), or nil if its lease had lapsed.
local function end_call(now, token, used, headers)
  local call = redis.call('HGET', CALLS, token)
  if not call then return nil end
  local parts = split(call)
  local granted_at = tonumber(parts[3])
  local young = {0, 0, 0, 0}
  if headers[1] ~= '' or headers[4] ~= '' then
    young = on_their_way(now, {tonumber(parts[5]), tonumber(parts[7]), tonumber(parts[9]), tonumber(parts[11])})
  end
  for place, dimension in ipairs(DIMENSIONS) do
    local amount, sum = tonumber(parts[2 + 2 * place]), tonumber(parts[3 + 2 * place])
    local told = place <= 2 and headers[place * 3 - 2] ~= ''
    if told then
      believe(now, dimension, tonumber(headers[place * 3 - 2]), tonumber(headers[place * 3 - 1]),
        tonumber(headers[place * 3]), granted_at, sum, young[place])
    elseif used and buckets[dimension] then
      local bucket = buckets[dimension]
      bucket[3] = math.min(bucket[2], bucket[3] + amount - used[place])
    end
  end
  redis.call('ZREM', LEASES, token)
  redis.call('HDEL', CALLS, token)
  if redis.call('HGET', CLAIMS, parts[1]) == token then redis.call('HDEL', CLAIMS, parts[1]) end
  return granted_at, parts
end
