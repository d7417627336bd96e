#!lua flags=allow-oom
-- Do what time alone brings about, when no worker fetches and nothing ends: promote, expire, take back, remove old.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  how many SUCCEEDED jobs to remove before their time, because memory is short; the last 100 stay
--   ARGV[3]  how long a request id is kept at least (ms)
--
-- Output: ms until something is due (-1: nothing), jobs removed
-- @include queue
-- @include record
-- @include ready
-- @include final
-- @include retry_budget
-- @include reclaim

local now = clock(ARGV[1])
local ready = tonumber(redis.call('HGET', COUNTERS, 'ready') or 0)
reclaim(now)
local made_ready = gauges.ready or 0
local removed = 0
for state in pairs(KEPT) do removed = removed + trim(state, now - KEPT_MS[state], 100) end
if tonumber(ARGV[2]) > 0 then removed = removed + trim('SUCCEEDED', now, tonumber(ARGV[2])) end
if redis.call('HGET', CONFIG, 'paused') == '1' then
  local at = tonumber(redis.call('HGET', CONFIG, 'resume_at') or 'inf')
  if at <= now then
    redis.call('HDEL', CONFIG, 'paused', 'resume_at')
    made_ready = made_ready + ready
  end
end
-- Without waiting for their expiry, which some servers carry out all at once and at length.
redis.call('UNLINK', PREFIX .. 'requests:' .. ms(math.floor(now / tonumber(ARGV[3])) - 2))
if made_ready > 0 then ring(made_ready) end
commit(now)
local nearest = -1
for _, waiting in ipairs({SCHEDULED, RETRYING, LEASES, EXPIRING}) do
  local head = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
  local left = head[2] and math.max(0, tonumber(head[2]) - now)
  if left and (nearest < 0 or left < nearest) then nearest = left end
end
return {nearest, removed}
