#!lua
-- Ask to make a call: the recorded answer, another's call to wait for, a grant, or when to look again.
--
-- Input:
--   KEYS      those of ProviderKeys.all()
--   --
--   ARGV[1]   now (ms), or '' for the server's clock
--   ARGV[2]   token: names this asking; repeated with each look
--   ARGV[3]   id of the answer
--   ARGV[4]   job id
--   ARGV[5]   tenant
--   ARGV[6]   weight of the tenant
--   ARGV[7]   '1' to have it asked anew: only an answer that this job has paid for will do
--   ARGV[8]   input tokens
--   ARGV[9]   output tokens that the provider may count: the most there can be
--   ARGV[10]  output tokens that are expected
--   ARGV[11]  longest wait (ms); a call that must wait longer is held
--   ARGV[12]  lease (ms)
--   ARGV[13]  fingerprint of the key that it will be sent with
--
-- Output: ANSWER, body, job that paid, input, cached and output tokens, cost
--       | IN_FLIGHT, until when the other's lease lasts (ms), now (ms)
--       | GRANTED, how often the same was in flight when its caller died, since there was an answer
--       | WAIT, reason, ms until the next look
--       | HELD, reason, until (ms)
-- @include provider
-- @include provider_circuit
-- @include provider_line

load_state()
local now = clock(ARGV[1])
local token, id, job, tenant, forced = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[7] == '1'
reap(now)

local function answer(...)
  save_state()
  return {...}
end

if redis.call('HEXISTS', CALLS, token) == 1 then
  redis.call('ZADD', LEASES, exact(now + tonumber(ARGV[12])), token)
  return answer('GRANTED', '0')
end
local kept = redis.call('HMGET', PREFIX .. 'answer:' .. id, 'body', 'job', 'input', 'cached', 'output', 'cost')
if kept[1] and (not forced or kept[2] == job) then
  leave(token, true)
  put('reused', num('reused', 0) + 1)
  return answer('ANSWER', unpack(kept))
end
local holder = not forced and redis.call('HGET', CLAIMS, id)
if holder then
  leave(token, true)
  return answer('IN_FLIGHT', redis.call('ZSCORE', LEASES, holder) or exact(now), exact(now))
end
fill(now)
local amounts = {1, ARGV[8] + ARGV[9], tonumber(ARGV[8]), tonumber(ARGV[10])}
local reason, look_at = circuit_blocks(now, ARGV[13])
if reason then
  leave(token, true)
  if look_at - now > tonumber(ARGV[11]) then return answer('HELD', reason, exact(spread(look_at, amounts))) end
  return answer('WAIT', reason, exact(look_at - now))
end
local share = (ARGV[8] + ARGV[10]) / tonumber(ARGV[6])
local verdict, detail, wait = take_turn(now, token, tenant, share, amounts, tonumber(ARGV[11]))
if verdict ~= 'GRANTED' then
  return answer(verdict, detail, exact(verdict == 'HELD' and now + wait or wait))
end
local call = {id, tenant, exact(now)}
for place, dimension in ipairs(DIMENSIONS) do
  put('sum:' .. dimension, num('sum:' .. dimension, 0) + amounts[place])
  if buckets[dimension] then buckets[dimension][3] = buckets[dimension][3] - amounts[place] end
  call[#call + 1] = exact(amounts[place])
  call[#call + 1] = state['sum:' .. dimension]
end
redis.call('ZADD', LEASES, exact(now + tonumber(ARGV[12])), token)
redis.call('HSET', CALLS, token, table.concat(call, '|'))
if not forced then redis.call('HSET', CLAIMS, id, token) end
circuit_granted(token)
put('granted', num('granted', 0) + 1)
save_buckets(now)
return answer('GRANTED', redis.call('GET', PREFIX .. 'doubt:' .. id) or '0')
