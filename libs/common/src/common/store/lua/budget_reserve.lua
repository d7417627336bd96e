#!lua
-- Reserve what a call may cost at most in all budgets that bind it, or in none.
--
-- Input:
--   KEYS     those of keys.budget()
--   --
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  token; repeated, the reservation stays
--   ARGV[3]  the most it can cost (millionths of a dollar), or '' if its price is not known
--   ARGV[4]  batch id, or ''
--   ARGV[5]  lease (ms)
--   ARGV[6]  job, if it has a bound of its own; else ''
--   ARGV[7]  that bound (millionths of a dollar)
--   ARGV[8]  attempt "id/attempt" that makes the call, or ''
--
-- Output: RESERVED
--       | WAIT, scope: others hold what it needs, and may not spend it all
--       | SPENT, scope, policy, until (ms; '' if nothing but an operator changes it), limit, spent
--       | UNPRICED, scope: there is a budget, and no price
-- @include budget

local now, token, batch, job = clock(ARGV[1]), ARGV[2], ARGV[4], ARGV[6]
reap(now)
local lease = whole(now + tonumber(ARGV[5]))
if reservation(token) then
  redis.call('ZADD', LEASES, lease, token)
  return {'RESERVED'}
end
-- It lapsed, but its caller lives: what counted as spent is reserved again.
local again, its = unlapse(token)
if again then
  redis.call('HSET', CALLS, token, spelled(whole(again), its))
  redis.call('ZADD', LEASES, lease, token)
  write(its, 'held', again)
  return {'RESERVED'}
end
local day = whole(math.floor(now / DAY_MS))
local waits
for _, limit in ipairs(limits_of(day, batch, job, ARGV[7])) do
  local scope, book, most, policy = unpack(limit)
  if ARGV[3] == '' then return {'UNPRICED', scope} end
  local f = redis.call('HMGET', book, 'spent', 'held')
  local spent, held, cost = tonumber(f[1] or 0), tonumber(f[2] or 0), tonumber(ARGV[3])
  if spent + cost > most then
    local until_ms = scope == 'DAY' and whole((day + 1) * DAY_MS) or ''
    return {'SPENT', scope, policy, until_ms, whole(most), whole(spent)}
  end
  if spent + held + cost > most then waits = waits or scope end
end
if waits then return {'WAIT', waits} end
local amount = ARGV[3] == '' and '0' or ARGV[3]
local whose = {day = day, batch = batch, job = job, attempt = ARGV[8]}
redis.call('HSET', CALLS, token, spelled(amount, whose))
redis.call('ZADD', LEASES, lease, token)
write(whose, 'held', tonumber(amount))
return {'RESERVED'}
