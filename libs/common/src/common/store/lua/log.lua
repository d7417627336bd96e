#!lua
-- Append lines to the logs of leased jobs, each once; of a job the newest are kept.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  most lines that a job keeps
--   then for each line 5 values:
--     member "id/attempt", number of the line in its attempt (ascending), time (ms), level, body as JSON
--
-- Output, for each line:
--   1  it stands there, by this call or by an earlier one
--   0  stale: another attempt holds the job, or it is final
-- @include queue

local reply = {}
local held, last, touched = {}, {}, {}
for at = 2, #ARGV, 5 do
  local member = ARGV[at]
  local id, attempt = split_member(member)
  local key = PREFIX .. 'logs:' .. id
  if held[member] == nil then
    held[member] = redis.call('ZSCORE', LEASES, member) and true or false
    local newest = redis.call('LINDEX', key, -1)
    local sequence, by, number = string.match(newest or '', '^(%d+)\t(%d+)\t(%d+)\t')
    -- What an earlier call wrote whose reply was lost is not written again.
    last[member] = {tonumber(sequence or 0), tonumber(by) == attempt and tonumber(number) or 0}
  end
  local seen = last[member]
  if held[member] and tonumber(ARGV[at + 1]) > seen[2] then
    seen[1], seen[2] = seen[1] + 1, tonumber(ARGV[at + 1])
    redis.call('RPUSH', key, table.concat({seen[1], attempt, unpack(ARGV, at + 1, at + 4)}, '\t'))
    touched[key] = true
  end
  reply[#reply + 1] = held[member] and 1 or 0
end
for key in pairs(touched) do redis.call('LTRIM', key, -ARGV[1], -1) end
return reply
