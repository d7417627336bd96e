#!lua flags=allow-oom
-- Remove jobs of a queue, whatever their state; running ones find their lease gone.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  most jobs to remove
--
-- Output: 1 if jobs are left, else 0
-- @include queue
-- @include record
-- @include types
-- @include ready

local left = tonumber(ARGV[1])
local function remove(tenant, id)
  local f = run_fields(id, 'state', 'attempt')
  unqueue(id, tenant)
  local member = id .. '/' .. (f[2] or '0')
  if redis.call('ZREM', LEASES, member) == 1 then note_leased(tenant, -1) end
  redis.call('SREM', CANCELLING, member)
  if f[1] then redis.call('ZREM', PREFIX .. 'done:' .. f[1], id) end
  delete_job(id)
  left = left - 1
end
for _, tenant in ipairs(redis.call('SMEMBERS', EVERYONE)) do
  for _, key in ipairs(type_keys(tenant)) do
    for _, id in ipairs(redis.call('ZRANGE', key, '-', '+', 'BYLEX', 'LIMIT', 0, left)) do remove(tenant, id) end
  end
end
commit(0)
return redis.call('SCARD', EVERYONE) > 0 and 1 or 0
