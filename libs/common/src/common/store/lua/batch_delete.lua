#!lua flags=allow-oom
-- Have a batch that has ended removed now, with its members.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  tenant
--   ARGV[3]  id
--
-- Output: a code and the state that it is in:
--    1  it is being removed
--    0  it has not ended
--   -1  there is no such batch
-- @include queue
-- @include batch

local b = load_batch(ARGV[2], ARGV[3])
if not b then return {-1, ''} end
if not ENDED[b.f.state] then return {0, b.f.state} end
local now = clock(ARGV[1])
redis.call('HSET', batch_key(b.tenant, b.id), 'keep', '0')
redis.call('ZADD', DUE, ms(now), b.tenant .. '\t' .. b.id)
commit(now)
return {1, b.f.state}
