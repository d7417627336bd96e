#!lua flags=allow-oom
-- Stop a job: at once if it waits; if it runs, ask its worker.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  id
--   ARGV[3]  tenant of the caller
--   ARGV[4]  channel on which workers hear of it
--
-- Output: a code and the state the job is in now:
--    1  it is CANCELLED, or CANCELLING; also when it was before
--    0  it had ended otherwise
--   -1  there is no such job of this tenant
-- @include queue
-- @include record
-- @include ready
-- @include final
-- @include cancel_one

local id = ARGV[2]
local fields = header_of(id)
if not fields or fields[H.tenant] ~= ARGV[3] then return {-1, ''} end
local now = clock(ARGV[1])
local state = cancel_one(id, fields, now, ARGV[4])
commit(now)
return {(state == 'CANCELLED' or state == 'CANCELLING') and 1 or 0, state}
