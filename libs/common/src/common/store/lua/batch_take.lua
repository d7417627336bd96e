#!lua flags=allow-oom
-- Take batches for which something is to be done. One whose taker dies is taken again after a while.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  most batches
--
-- Output: for each tenant and id, a tab between them
-- @include queue
-- @include batch

local now = clock(ARGV[1])
local due = redis.call('ZRANGE', DUE, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, batch in ipairs(due) do redis.call('ZADD', DUE, spell(now + TAKEN_MS), batch) end
return due
