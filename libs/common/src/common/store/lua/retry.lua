#!lua
-- Start a FAILED, CANCELLED or EXPIRED job anew, with fresh attempts, and perhaps with another spec.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  id
--   ARGV[3]  tenant of the caller
--   ARGV[4]  payload that takes the place of the old one, which is kept, packed or filed if it is large; or ''
--
-- Output: a code and the state the job is in now:
--    1  it is PENDING again
--    0  its state does not allow it
--   -1  there is no such job of this tenant
--   -5  the payload's file is not for new jobs any more: it is to be written anew, see files.lua
-- @include queue
-- @include record
-- @include messages
-- @include ready
-- @include retry_one

local now = clock(ARGV[1])
local code, state = retry_one(ARGV[2], ARGV[3], now, ARGV[4])
if code == 1 then
  tell_batches(retried_members)
  ring(1)
end
commit(now)
return {code, state}
