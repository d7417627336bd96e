#!lua flags=allow-oom
-- Cancel a batch: no member is submitted any more, and those that have not ended are cancelled.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  tenant
--   ARGV[3]  id
--
-- Output: a code and the state that it is in now:
--    1  it is being cancelled, or was before
--    0  it has ended otherwise
--   -1  there is no such batch
-- @include queue
-- @include batch

local b = load_batch(ARGV[2], ARGV[3])
if not b then return {-1, ''} end
if ENDED[b.f.state] then return {b.f.state == 'CANCELLED' and 1 or 0, b.f.state} end
if b.f.halt == 'CALLER' then return {1, b.f.state} end
local now = clock(ARGV[1])
b.f.halt, b.f.halted, b.f.held = 'CALLER', nil, nil
save_batch(b, now, now)
commit(now)
return {1, b.f.state}
