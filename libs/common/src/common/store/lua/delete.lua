#!lua flags=allow-oom
-- Remove a final job and all that is kept of it.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  id
--   ARGV[2]  tenant of the caller
--
-- Output: a code and the state the job was in:
--    1  removed
--    0  it is not final
--   -1  there is no such job of this tenant
-- @include queue
-- @include record
-- @include ready

local id = ARGV[1]
local fields = header_of(id)
if not fields or fields[H.tenant] ~= ARGV[2] then return {-1, ''} end
local state = run_fields(id, 'state')[1] or first_state(fields)
local done = PREFIX .. 'done:' .. state
local was_kept = redis.call('ZREM', done, id) == 1
if not was_kept and not (FINAL[state] and fields[H.batch] ~= '') then return {0, state} end
unqueue(id, fields[H.tenant])
delete_job(id)
local now = clock('')
emit_change('D', id, fields[H.tenant], now, 0)
commit(now)
return {1, state}
