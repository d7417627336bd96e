#!lua flags=allow-oom
-- Push the lease of a call that is under way forward.
--
-- Input:
--   KEYS     those of ProviderKeys.all()
--   --
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  token
--   ARGV[3]  lease (ms)
--
-- Output: 1, or 0 if it has lapsed
-- @include provider

load_state()
local now = clock(ARGV[1])
reap(now)
local held = redis.call('ZSCORE', LEASES, ARGV[2])
if held then redis.call('ZADD', LEASES, exact(now + tonumber(ARGV[3])), ARGV[2]) end
save_state()
return held and 1 or 0
