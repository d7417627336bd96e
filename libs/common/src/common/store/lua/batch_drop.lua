#!lua flags=allow-oom
-- Remove final members of a batch from a queue.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  tenant
--   ARGV[2]  batch
--   ARGV[3]  most members to look at
--
-- Output: how many were removed
-- @include queue
-- @include record

local gone = 0
for _, id in ipairs(redis.call('ZRANGE', index_key(ARGV[1], 'batch=' .. ARGV[2]), 0, tonumber(ARGV[3]) - 1)) do
  local state = run_fields(id, 'state')[1]
  if FINAL[state] then
    redis.call('ZREM', PREFIX .. 'done:' .. state, id)
    delete_job(id)
    gone = gone + 1
  end
end
commit(clock(''))
return gone
