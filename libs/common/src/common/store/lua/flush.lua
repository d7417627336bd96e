#!lua flags=allow-oom
-- Remove jobs of a queue, whatever their state; running ones find their lease gone.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  most jobs to remove
--
-- Output: jobs that are left
-- @include queue

for _, id in ipairs(redis.call('ZRANGE', JOBS, '-', '+', 'BYLEX', 'LIMIT', 0, ARGV[1])) do
  local f = redis.call('HMGET', job_key(id), 'state', 'tenant', 'attempt')
  if f[2] then forget_ready(id, f[2]) end
  redis.call('ZREM', SCHEDULED, id)
  redis.call('ZREM', RETRYING, id)
  redis.call('ZREM', LEASES, id .. '/' .. (f[3] or '0'))
  redis.call('SREM', CANCELLING, id .. '/' .. (f[3] or '0'))
  if f[1] then redis.call('ZREM', PREFIX .. 'done:' .. f[1], id) end
  delete_job(id)
end
for field, by in pairs(gauges) do redis.call('HINCRBY', COUNTERS, field, by) end
return redis.call('ZCARD', JOBS)
