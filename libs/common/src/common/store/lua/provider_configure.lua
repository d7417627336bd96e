#!lua flags=allow-oom
-- Set limits of a model, reset its circuit, or read how it stands.
--
-- Input:
--   KEYS     those of ProviderKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  revision that the limits must have, or ''
--   ARGV[3]  '1' to close the circuit
--   ARGV[4…] limit and its value, '' to remove it
--
-- Output: 1 if it was done (or only read), 0 if the revision is another; then flat lists: the limits, the state, and
-- what is left of each limit that binds: dimension, limit, period (ms), left; then calls under way, calls in line,
-- calls that may be in flight, answers kept, and now (ms)
-- @include provider
-- @include provider_circuit

load_state()
local now = clock(ARGV[1])
reap(now)
fill(now)
local done = 1
if ARGV[2] ~= '' and (set.revision or '0') ~= ARGV[2] then
  done = 0
else
  for at = 4, #ARGV, 2 do
    if ARGV[at + 1] == '' then
      redis.call('HDEL', LIMITS, ARGV[at])
    else
      redis.call('HSET', LIMITS, ARGV[at], ARGV[at + 1])
    end
    set[ARGV[at]] = ARGV[at + 1]
  end
  if #ARGV > 3 then redis.call('HINCRBY', LIMITS, 'revision', 1) end
  if ARGV[3] == '1' then
    if state.circuit == 'OPEN' or state.circuit == 'PROBING' then
      come_back(now)
    elseif num('pause_until', 0) > now then
      put('back_at', now)
    end
    circuit_close()
    put('failures', 0)
    put('pause_until', 0)
  end
end
save_buckets(now)
fill(now)
local left = {}
for _, dimension in ipairs(DIMENSIONS) do
  local limit, period = limit_of(dimension)
  if limit then
    for _, item in ipairs({dimension, exact(limit), exact(period), exact(buckets[dimension][3])}) do
      left[#left + 1] = item
    end
  end
end
save_state()
return {done, redis.call('HGETALL', LIMITS), redis.call('HGETALL', STATE), left, redis.call('ZCARD', LEASES),
  redis.call('ZCARD', LINE), may_fly(), redis.call('ZCARD', ANSWERS), exact(now)}
