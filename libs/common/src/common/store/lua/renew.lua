#!lua flags=allow-oom
-- Push leases forward, as far as they are still held, and name what was cancelled.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  lease (ms)
--   ARGV[3…] members "id/attempt", at most 256
--
-- Output, for each member:
--   1  renewed
--   2  renewed, and asked to stop
--   0  lost: another attempt holds the job, or it is final
-- @include queue

local now = clock(ARGV[1])
local expiry = ms(now + tonumber(ARGV[2]))
local members = {unpack(ARGV, 3)}
if #members == 0 then return {} end
local held = redis.call('ZMSCORE', LEASES, unpack(members))
local cancelling = redis.call('SMISMEMBER', CANCELLING, unpack(members))
local reply, renewed = {}, {}
for i, member in ipairs(members) do
  if held[i] then
    renewed[#renewed + 1] = expiry
    renewed[#renewed + 1] = member
    reply[i] = cancelling[i] == 1 and 2 or 1
  else
    reply[i] = 0
  end
end
if #renewed > 0 then redis.call('ZADD', LEASES, 'XX', unpack(renewed)) end
return reply
