#!lua flags=allow-oom
-- Keep a paid answer the moment it is there, and settle what was reserved for it.
--
-- Input:
--   KEYS       those of ProviderKeys.all()
--   --
--   ARGV[1]    now (ms), or '' for the server's clock
--   ARGV[2]    token
--   ARGV[3]    id of the answer
--   ARGV[4]    job id
--   ARGV[5…7]  input, cached and output tokens that were used
--   ARGV[8]    cost (millionths of a dollar)
--   ARGV[9]    body
--   ARGV[10]   how long the answer is kept (ms); 0 for not at all
--   ARGV[11]   bytes that the answers of this model may take
--   ARGV[12…]  limit, remaining and period (ms) of requests, then of tokens; '' where not told
--
-- Output: 1, or 0 if the call's lease had lapsed or it was settled before; the answer is kept in any case
-- @include provider
-- @include provider_circuit
-- @include provider_told

-- Answers that one call removes at most, so that it stays short.
local REMOVED_MAX = 100

load_state()
local now = clock(ARGV[1])
local token, id = ARGV[2], ARGV[3]
local flying = redis.call('ZCARD', LEASES)
fill(now)
local input, output = tonumber(ARGV[5]), tonumber(ARGV[7])
local headers = {unpack(ARGV, 12, 17)}
local granted_at = end_call(now, token, {1, input + output, input, output}, headers)
if granted_at then
  local took = now - granted_at
  put('latency', num('latency', took) * 0.8 + took * 0.2)
  fly_more(flying)
  circuit_went_well(now, token)
  put('pauses', 0)
  put('answered', num('answered', 0) + 1)
end

local function remove(old)
  put('bytes', num('bytes', 0) - tonumber(redis.call('HGET', SIZES, old) or 0))
  redis.call('UNLINK', PREFIX .. 'answer:' .. old)
  redis.call('ZREM', ANSWERS, old)
  redis.call('HDEL', SIZES, old)
end

if tonumber(ARGV[10]) > 0 then
  if redis.call('HEXISTS', SIZES, id) == 1 then remove(id) end
  local key, size = PREFIX .. 'answer:' .. id, #ARGV[9] + 300
  redis.call('HSET', key, 'body', ARGV[9], 'job', ARGV[4], 'input', ARGV[5], 'cached', ARGV[6], 'output', ARGV[7],
    'cost', ARGV[8])
  redis.call('PEXPIRE', key, ARGV[10])
  redis.call('ZADD', ANSWERS, exact(now + tonumber(ARGV[10])), id)
  redis.call('HSET', SIZES, id, size)
  put('bytes', num('bytes', 0) + size)
end
redis.call('DEL', PREFIX .. 'doubt:' .. id, PREFIX .. 'fault:' .. id)
for _, old in ipairs(redis.call('ZRANGE', ANSWERS, '-inf', exact(now), 'BYSCORE', 'LIMIT', 0, REMOVED_MAX)) do
  remove(old)
end
-- The oldest go first, and the one that just came never.
for _ = 1, REMOVED_MAX do
  if num('bytes', 0) <= tonumber(ARGV[11]) then break end
  local oldest = redis.call('ZRANGE', ANSWERS, 0, 0)[1]
  if not oldest or oldest == id then break end
  remove(oldest)
end
save_buckets(now)
save_state()
return granted_at and 1 or 0
