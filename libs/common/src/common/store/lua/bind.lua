#!lua
-- Bind request ids of a tenant to a queue of a cluster, before jobs are submitted there. See common.store.jobs.claiming.
--
-- Input:
--   KEYS[1]  what keys of the tenant's request ids begin with
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  how long a binding is kept at least (ms); at most twice as long
--   ARGV[3]  the queue
--   ARGV[4]  how many request ids follow
--   then request ids; then nothing, or for each the binding that the new one is to follow, or ''
--
-- Output: nothing if all are bound to the queue in generation 0; else for each
--   a number: the generation in which it is bound to the queue
--   '>', another queue and its generation, if that is not 0: it is bound to that one
--   the id of a job and a digest: it stands for this job, from when the store was one server
local FIRST, CLOCKS_APART = 5, 3600000
local OWN = '>' .. ARGV[3]
local kept_ms = tonumber(ARGV[2])
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function key_at(time, back) return KEYS[1] .. string.format('%.0f', math.floor(time / kept_ms) - back) end

local last = FIRST + tonumber(ARGV[4]) - 1
local held, is_new = {}, {}
for back = 0, 1 do
  for from = FIRST, last, 1000 do
    local upto = math.min(from + 999, last)
    local found = redis.call('HMGET', key_at(now, back), unpack(ARGV, from, upto))
    for at = from, upto do
      local id, binding = ARGV[at], found[at - from + 1]
      if binding and not held[id] then held[id], is_new[id] = binding, back == 0 end
    end
  end
end

local function generation_of(binding) return tonumber(string.match(binding, ' (%d+)$') or 0) end
local function is_own(binding) return binding == OWN or string.sub(binding, 1, #OWN + 1) == OWN .. ' ' end

local reply, plain, bound = {}, true, {}
for at = FIRST, last do
  local id = ARGV[at]
  local binding, answer = held[id], 0
  if not binding then
    binding = OWN
  elseif binding == ARGV[at + last - FIRST + 1] then
    answer = generation_of(binding) + 1
    binding, is_new[id] = OWN .. ' ' .. answer, false
  else
    answer = is_own(binding) and generation_of(binding) or binding
  end
  -- One of the period before is written again, so that it lives as long as the claim that is to come.
  if not is_new[id] and type(answer) == 'number' then
    bound[#bound + 1], bound[#bound + 2] = id, binding
    held[id], is_new[id] = binding, true
  end
  plain = plain and answer == 0
  reply[#reply + 1] = answer
end
if #bound > 0 then
  for from = 1, #bound, 1000 do
    redis.call('HSET', key_at(now, 0), unpack(bound, from, math.min(from + 999, #bound)))
  end
  redis.call('PEXPIRE', key_at(now, 0), 3 * kept_ms)
end
redis.call('UNLINK', key_at(now - CLOCKS_APART, 2))
return plain and {} or reply
