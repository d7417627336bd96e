#!lua flags=allow-oom
-- Keep the placeholder map of a conversation beside it, unless another one has been kept meanwhile.
--
-- Input:
--   KEYS[1]  hash  the conversation
--   KEYS[2]  hash  its map
--   --
--   ARGV[1]  version that the map was made from, or '' for none
--   ARGV[2]  version that it has now
--   ARGV[3]  body
--   ARGV[4]  how long it is kept (ms) if the conversation is kept elsewhere, or '' for as long as the conversation
--
-- Output:
--   1   kept
--   0   another one has been kept
--   -1  the conversation is gone, and its map with it

local ttl = ARGV[4]
if ttl == '' then
  if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('UNLINK', KEYS[2])
    return -1
  end
  ttl = redis.call('PTTL', KEYS[1])
end
if (redis.call('HGET', KEYS[2], 'version') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'version', ARGV[2], 'body', ARGV[3])
if tonumber(ttl) > 0 then
  redis.call('PEXPIRE', KEYS[2], ttl)
else
  redis.call('PERSIST', KEYS[2])
end
return 1
