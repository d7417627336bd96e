-- A budget over the whole fleet, so that an outage does not become a storm of retries.

-- Retries that may start within this minute and the last: this share of the first attempts, and at least so many.
local RETRY_SHARE, RETRY_LEAST = 0.2, 20

-- How many more retries the queue's budget allows, how many it has spent, and its limit.
local function retry_budget(now)
  local set = redis.call('HMGET', CONFIG, 'retry_share', 'retry_least')
  local spent, first = 0, 0
  for back = 0, 1 do
    local f = redis.call('HMGET', minute_key(now, back), 'repeated', 'started')
    spent = spent + tonumber(f[1] or 0)
    first = first + tonumber(f[2] or 0)
  end
  first = math.max(0, first - spent)
  local limit = math.max(tonumber(set[2] or RETRY_LEAST), math.floor(tonumber(set[1] or RETRY_SHARE) * first))
  return limit - spent, spent, limit
end
