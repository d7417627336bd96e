#!lua flags=no-writes
-- Count the members of batches that run in a queue.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  most leases to look at
--   ARGV[2…] tenant and batch, a tab between them
--
-- Output: for each batch, how many
-- @include queue
-- @include record

local found = {}
if has_members() then
  local leases = redis.call('ZRANGE', LEASES, 0, tonumber(ARGV[1]) - 1)
  for from = 1, #leases, 1000 do
    local ids = {}
    for place = from, math.min(from + 999, #leases) do ids[#ids + 1] = split_member(leases[place]) end
    for _, of_batch in ipairs(redis.call('HMGET', MEMBERS, unpack(ids))) do
      if of_batch then found[of_batch] = (found[of_batch] or 0) + 1 end
    end
  end
end
local reply = {}
for place = 2, #ARGV do reply[place - 1] = found[ARGV[place]] or 0 end
return reply
