#!lua flags=allow-oom
-- Remove kept answers of a model. What they cost stays counted.
--
-- Input:
--   KEYS     those of ProviderKeys.all()
--   --
--   ARGV     ids of answers
--
-- Output: how many were there
-- @include provider

load_state()
local removed = 0
for _, id in ipairs(ARGV) do
  put('bytes', num('bytes', 0) - tonumber(redis.call('HGET', SIZES, id) or 0))
  removed = removed + redis.call('UNLINK', PREFIX .. 'answer:' .. id)
  redis.call('ZREM', ANSWERS, id)
  redis.call('HDEL', SIZES, id)
end
save_state()
return removed
