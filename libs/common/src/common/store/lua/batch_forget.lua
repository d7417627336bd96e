#!lua flags=allow-oom
-- Put another entry in the place of one of a plan, as members of it are not to be submitted: they are CANCELLED.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  tenant
--   ARGV[3]  id
--   ARGV[4]  the entry as it is
--   ARGV[5]  as it is to be
--   ARGV[6…] ids of the members
--
-- Output: how many of them were still to be submitted; 0 if the plan has no such entry any more
-- @include queue
-- @include batch

local tenant, id = ARGV[2], ARGV[3]
local b = load_batch(tenant, id)
local place = b and redis.call('LPOS', plan_key(tenant, id), ARGV[4])
if not place then return 0 end
local now, gone = clock(ARGV[1]), 0
redis.call('LSET', plan_key(tenant, id), place, ARGV[5])
for at = 6, #ARGV do
  if redis.call('HGET', members_key(tenant, id), ARGV[at]) == 'W' then
    redis.call('HSET', members_key(tenant, id), ARGV[at], 'C0')
    recount(b, 'W', 'C', '', '')
    gone = gone + 1
  end
end
save_batch(b, now)
commit(now)
return gone
