#!lua flags=allow-oom
-- Erase a conversation and its placeholder map. The answers that were asked for about it are noted as erased.
--
-- Input:
--   KEYS[1]  zset  ids of the tenant's conversations by update time (ms)
--   KEYS[2]  hash  the conversation
--   KEYS[3]  hash  its placeholder map
--   KEYS[4]  zset  answers that were asked for about it
--   KEYS[5]  zset  answers that were, before it was erased
--   KEYS[6]  set   participants whose kept insights rested on it; they are gone by now
--   --
--   ARGV[1]  id
--   ARGV[2]  how long the answers are noted as erased (ms)
--   ARGV[3]  '1' to leave a conversation that is there as it is, and only erase what has come in late
--
-- Output: how many of conversation and map there were, and how many answers are noted as erased

if ARGV[3] == '1' and redis.call('EXISTS', KEYS[2]) == 1 then return {0, 0} end
redis.call('ZREM', KEYS[1], ARGV[1])
local gone = redis.call('UNLINK', KEYS[2], KEYS[3])
redis.call('UNLINK', KEYS[6])
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('ZUNIONSTORE', KEYS[5], 2, KEYS[5], KEYS[4], 'AGGREGATE', 'MAX')
  redis.call('UNLINK', KEYS[4])
  redis.call('PEXPIRE', KEYS[5], ARGV[2])
end
return {gone, redis.call('ZCARD', KEYS[5])}
