#!lua flags=allow-oom
-- Set or remove budgets of a tenant, or read them with what was spent.
--
-- Input:
--   KEYS     those of keys.budget()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  revision that they must have, or ''
--   ARGV[3]  batch whose book is read too, or ''
--   ARGV[4…] scope as in the hash, and "millionths|policy" or '' to remove it
--
-- Output: 1 if they were changed (or read), 0 if the revision is another; then flat lists: the limits, the books of
-- the tenant, of the day and of the batch; then now (ms)
-- @include budget

local now = clock(ARGV[1])
reap(now)
local done = 1
if ARGV[2] ~= '' and (redis.call('HGET', LIMITS, 'revision') or '0') ~= ARGV[2] then
  done = 0
elseif #ARGV > 3 then
  for at = 4, #ARGV, 2 do
    if ARGV[at + 1] == '' then
      redis.call('HDEL', LIMITS, ARGV[at])
    else
      redis.call('HSET', LIMITS, ARGV[at], ARGV[at + 1])
    end
  end
  redis.call('HINCRBY', LIMITS, 'revision', 1)
end
local day = whole(math.floor(now / DAY_MS))
return {done, redis.call('HGETALL', LIMITS), redis.call('HGETALL', PREFIX .. 'total'),
  redis.call('HGETALL', PREFIX .. 'day:' .. day),
  ARGV[3] ~= '' and redis.call('HGETALL', PREFIX .. 'batch:' .. ARGV[3]) or {}, whole(now)}
