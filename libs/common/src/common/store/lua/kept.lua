#!lua flags=no-writes
-- Read documents: one whole, or a page of descriptions, the latest update first.
--
-- Input:
--   KEYS[1]  zset    ids of the tenant's documents by update time (ms)
--   KEYS[2]  prefix  of the documents' keys, in the same slot
--   --
--   ARGV[1]  id to read whole, or ''
--   ARGV[2]  for a page: how many to pass over
--   ARGV[3]  for a page: how many to return
--
-- Output: rows of id, updated, job, attempt, description and, whole, the body.

if ARGV[1] ~= '' then
  local f = redis.call('HMGET', KEYS[2] .. ARGV[1], 'updated', 'job', 'attempt', 'about', 'body')
  if not f[1] then return {} end
  return {{ARGV[1], f[1], f[2], f[3], f[4], f[5]}}
end
local reply = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[2], ARGV[2] + ARGV[3] - 1, 'REV')) do
  local f = redis.call('HMGET', KEYS[2] .. id, 'updated', 'job', 'attempt', 'about')
  if f[1] then reply[#reply + 1] = {id, f[1], f[2], f[3], f[4], ''} end
end
return reply
