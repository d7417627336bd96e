#!lua flags=allow-oom
-- Take files that are to be removed. Who takes some has a while to do it; what is not said to be gone by then is taken again.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  most files
--   ARGV[3]  the while (ms)
--   ARGV[4]  between two lists of all files (ms)
--
-- Output: 1 if all files are to be listed, for some that nobody knows of, else 0; then names of files, "HASH-TIME"
-- @include queue
-- @include record

local now = clock(ARGV[1])
local list = redis.call('SET', PREFIX .. 'listed', ms(now), 'NX', 'PX', ARGV[4])
local reply = {list and 1 or 0}
for _, name in ipairs(redis.call('ZRANGE', PREFIX .. 'leaving', '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  local hash, made = string.match(name, '^(%x+)-(%d+)$')
  if hash and redis.call('GET', file_key('file', hash)) ~= made then
    reply[#reply + 1] = name
    redis.call('ZADD', PREFIX .. 'leaving', ms(now + tonumber(ARGV[3])), name)
  else
    redis.call('ZREM', PREFIX .. 'leaving', name)
  end
end
return reply
