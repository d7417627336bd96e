#!lua flags=no-writes
-- Read a queue's statistics. Constant time in the number of jobs.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  '1' to read the totals too
--   ARGV[3…] minutes since 1970 to read
--
-- Output: now (ms), ready, scheduled (suspects too), retrying, leased, time (ms) since when the longest-waiting of
-- the jobs next in line has been ready (0: none waits), 1 if paused, entries in the outbox, bytes that final jobs
-- take as far as they were measured (room.lua), totals, then each minute; the last as flat lists of fields and values. A job whose time has come is ready, also when no worker
-- has fetched since, which is what moves it.
-- @include queue
-- @include record

local now = clock_read(ARGV[1])
-- The next in line of up to 16 tenants, of those in line and of those held by limits of their own: within a tenant,
-- who is next has waited longest among its priority.
local oldest = 0
for _, line in ipairs({TENANTS, HELD}) do
  for _, tenant in ipairs(redis.call('ZRANGE', line, 0, 15)) do
    for _, id in ipairs(redis.call('ZRANGE', PREFIX .. 'ready:' .. tenant, 0, 3)) do
      local ready = run_fields(id, 'ready')[1]
      local since = tonumber(ready or string.match(header_line(id) or '', '^[^\t]*\t(%d+)'))
      if since and (oldest == 0 or since < oldest) then oldest = since end
    end
  end
end
local due = {}
for i, waiting in ipairs({SCHEDULED, RETRYING, SUSPECTS}) do
  due[i] = redis.call('ZCOUNT', waiting, '-inf', ms(now))
  local head = due[i] > 0 and tonumber(redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2])
  if head and (oldest == 0 or head < oldest) then oldest = head end
end
local counters = redis.call('HMGET', COUNTERS, 'ready', 'kept_bytes')
local paused = redis.call('HMGET', CONFIG, 'paused', 'resume_at')
local reply = {
  now, tonumber(counters[1] or 0) + due[1] + due[2] + due[3],
  redis.call('ZCARD', SCHEDULED) + redis.call('ZCARD', SUSPECTS) - due[1] - due[3],
  redis.call('ZCARD', RETRYING) - due[2], redis.call('ZCARD', LEASES), oldest,
  (paused[1] == '1' and not (paused[2] and tonumber(paused[2]) <= now)) and 1 or 0,
  redis.call('XLEN', OUTBOX), tonumber(counters[2] or 0), ARGV[2] == '1' and redis.call('HGETALL', COUNTERS) or {},
}
for i = 3, #ARGV do reply[#reply + 1] = redis.call('HGETALL', PREFIX .. 'minute:' .. ARGV[i]) end
return reply
