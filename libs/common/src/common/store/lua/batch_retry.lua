#!lua
-- Start members of a batch anew, as retry.lua does one job.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  tenant
--   ARGV[3…] ids
--
-- Output: for each a code:
--    1  it is PENDING again
--    0  its state does not allow it
--   -1  there is no such job of this tenant
-- @include queue
-- @include record
-- @include messages
-- @include ready
-- @include retry_one

local now = clock(ARGV[1])
local reply, retried = {}, 0
for place = 3, #ARGV do
  local code = retry_one(ARGV[place], ARGV[2], now, '')
  if code == 1 then retried = retried + 1 end
  reply[#reply + 1] = code
end
tell_batches(retried_members)
if retried > 0 then ring(retried) end
commit(now)
return reply
