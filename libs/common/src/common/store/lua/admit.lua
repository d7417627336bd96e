#!lua flags=no-writes
-- Say whether submit would let a new job in now, as far as its queue and its unique key go.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  tenant
--   ARGV[2]  unique key or ''
--   ARGV[3]  duplicate policy
--
-- Output: a code of submit's and an id: 1 (''), 3, -2, -3 or -4
-- @include queue
-- @include record
-- @include door

local tenant, unique, policy = ARGV[1], ARGV[2], ARGV[3]
local config = redis.call('HMGET', CONFIG, 'depth', 'draining')
local depth = tonumber(config[1] or 'inf')
local waiting = config[1] and waiting_now() or 0
if unique ~= '' and policy ~= 'RUN' then
  local holder, _, state = holder_of(tenant, unique)
  if holder and policy == 'USE_EXISTING' then return {3, holder} end
  if holder and policy == 'REJECT' then return {-3, holder} end
  if holder and gives_way(state) and waiting <= depth then waiting = waiting - 1 end
end
if config[2] == '1' then return {-4, ''} end
if waiting >= depth then return {-2, ms(depth)} end
return {1, ''}
