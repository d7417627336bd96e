#!lua flags=no-writes
-- Read a queue's statistics. Constant time in the number of jobs.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  '1' to read the totals too
--   ARGV[3…] minutes since 1970 to read
--
-- Output: now (ms), ready, scheduled, retrying, leased, time (ms) since when the longest-waiting of
-- the jobs next in line has been ready (0: none waits), 1 if paused, totals, then each minute; the
-- last as flat lists of fields and values. A job whose time has come is ready, also when no worker has
-- fetched since, which is what moves it.
-- @include queue

local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1])
else
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
-- The next in line of up to 16 tenants: within a tenant, who is next has waited longest among its priority.
local oldest = 0
for _, tenant in ipairs(redis.call('ZRANGE', TENANTS, 0, 15)) do
  for _, id in ipairs(redis.call('ZRANGE', ready_key(tenant), 0, 3)) do
    local f = redis.call('HMGET', job_key(id), 'ready', 'created')
    local since = tonumber(f[1] or f[2])
    if since and (oldest == 0 or since < oldest) then oldest = since end
  end
end
local due = {}
for i, waiting in ipairs({SCHEDULED, RETRYING}) do
  due[i] = redis.call('ZCOUNT', waiting, '-inf', ms(now))
  local head = due[i] > 0 and tonumber(redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2])
  if head and (oldest == 0 or head < oldest) then oldest = head end
end
local reply = {
  now, tonumber(redis.call('HGET', COUNTERS, 'ready') or 0) + due[1] + due[2],
  redis.call('ZCARD', SCHEDULED) - due[1], redis.call('ZCARD', RETRYING) - due[2],
  redis.call('ZCARD', LEASES), oldest,
  redis.call('HGET', CONFIG, 'paused') == '1' and 1 or 0,
  ARGV[2] == '1' and redis.call('HGETALL', COUNTERS) or {},
}
for i = 3, #ARGV do reply[#reply + 1] = redis.call('HGETALL', PREFIX .. 'minute:' .. ARGV[i]) end
return reply
