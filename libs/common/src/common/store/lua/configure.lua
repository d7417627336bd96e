#!lua flags=allow-oom
-- Change a queue's settings, or read them.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  revision that the settings must have, or ''
--   ARGV[3…] field, '1' to set or '0' to remove, value. Of a ramp the value is "length|slots"; it begins now.
--
-- Output: 1 if they were changed (or read), 0 if the revision is another; then the settings as a flat list
-- @include queue
-- @include record
-- @include ready

local held = redis.call('HGET', CONFIG, 'revision') or '0'
if ARGV[2] ~= '' and held ~= ARGV[2] then return {0, redis.call('HGETALL', CONFIG)} end
if #ARGV > 2 then
  local now = clock(ARGV[1])
  for at = 3, #ARGV, 3 do
    local value = ARGV[at + 2]
    if ARGV[at] == 'ramp' then value = ms(now) .. '|' .. value end
    if ARGV[at + 1] == '1' then
      redis.call('HSET', CONFIG, ARGV[at], value)
    else
      redis.call('HDEL', CONFIG, ARGV[at])
    end
  end
  -- Since when each declared label has an index of all that is submitted.
  local declared = {}
  for key in string.gmatch(redis.call('HGET', CONFIG, 'labels') or '', '[^,]+') do
    declared['indexed:' .. key] = true
    redis.call('HSETNX', CONFIG, 'indexed:' .. key, ms(now))
  end
  local limited = false
  for _, field in ipairs(redis.call('HKEYS', CONFIG)) do
    limited = limited or string.sub(field, 1, 7) == 'tenant:'
    if string.sub(field, 1, 8) == 'indexed:' and not declared[field] then redis.call('HDEL', CONFIG, field) end
  end
  if limited then redis.call('HSET', CONFIG, 'limited', '1') else redis.call('HDEL', CONFIG, 'limited') end
  redis.call('HINCRBY', CONFIG, 'revision', 1)
  -- What a limit held may start now: the next fetch looks anew.
  release_held(nil)
  ring(WAKE_MAX)
end
return {1, redis.call('HGETALL', CONFIG)}
