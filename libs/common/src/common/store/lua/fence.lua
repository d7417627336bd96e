#!lua
-- Read what request ids stand for in a queue of a cluster; where that is nothing, fence the queue, so that it refuses
-- what was bound to it before. See common.store.jobs.claiming.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  how long a request id is kept at least (ms); at most twice as long
--   then for each request id 3 values: its tenant, the id, the last generation to refuse
--
-- Output: for each the id of its job and a digest, or '' if it has none
-- @include queue
-- @include claims

local now = clock(ARGV[1])
local period = math.floor(now / tonumber(ARGV[2]))
local reply = {}
for at = 3, #ARGV, 3 do
  local tenant, id, generation = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local key = claims_key(tenant, period)
  local claim = redis.call('HGET', key, id) or redis.call('HGET', claims_key(tenant, period - 1), id)
  local fenced = claim and fence_of(claim)
  if claim and not fenced then
    reply[#reply + 1] = claim
  else
    redis.call('HSET', key, id, fence(math.max(generation, fenced or 0)))
    redis.call('PEXPIRE', key, 3 * tonumber(ARGV[2]))
    reply[#reply + 1] = ''
  end
end
commit(now)
return reply
