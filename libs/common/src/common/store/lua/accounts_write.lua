#!lua flags=allow-oom
-- Write what attempts paid to the accounts of their jobs, as the books of their tenants have it.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   then for each attempt 3 values:
--     member "id/attempt", what it paid: the fields of PaidUsage, in their order, or '' if the books do not know it; after how
--     long (ms) it is to be looked at again, or '' if it is done with
--
-- Output: how many jobs' accounts have changed
-- @include queue
-- @include record
-- @include accounts

local now = clock(ARGV[1])
local changed, told = 0, {}

-- Adds to a job's account by how much an attempt paid more than was counted of it.
local function count_paid(member, paid)
  local id = split_member(member)
  local fields = header_of(id)
  local before, after, moves = numbers_of(redis.call('HGET', PAID, member)), numbers_of(paid), false
  -- Calls that may have been paid for twice are known to workers only.
  after[PLACES_PAID] = before[PLACES_PAID]
  if not fields then return end
  local f = run_fields(id, 'paid', 'state')
  local sums = numbers_of(f[1])
  for place = 1, PLACES_PAID do
    moves = moves or after[place] ~= before[place]
    sums[place] = math.max(0, sums[place] + after[place] - before[place])
  end
  redis.call('HSET', PAID, member, spelled_paid(after))
  if not moves or not f[2] then return end
  local key = open_run(id)
  redis.call('HSET', key, 'paid', spelled_paid(sums), 'updated', ms(now))
  redis.call('HINCRBY', key, 'revision', 1)
  changed = changed + 1
  -- A batch that has heard of its end hears of it once more.
  if fields[H.batch] ~= '' and FINAL[f[2]] and redis.call('HEXISTS', MEMBERS, id) == 0 then
    told[#told + 1] = member_line(id, fields[H.tenant] .. '\t' .. fields[H.batch], f[2])
  end
end

for at = 2, #ARGV, 3 do
  local member, paid, again = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if redis.call('ZSCORE', ACCOUNTS, member) then
    if paid ~= '' then count_paid(member, paid) end
    if again ~= '' then
      redis.call('ZADD', ACCOUNTS, ms(now + tonumber(again)), member)
    else
      redis.call('ZREM', ACCOUNTS, member)
      redis.call('HDEL', PAID, member)
    end
  end
end
tell_batches(told)
commit(now)
return changed
