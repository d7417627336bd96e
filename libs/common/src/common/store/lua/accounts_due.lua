#!lua flags=allow-oom
-- Take attempts whose accounts are to be looked at. Who takes some has a while to do it; then they are taken again.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  most attempts
--   ARGV[3]  the while (ms)
--
-- Output: for each attempt: "id/attempt", tenant, batch id or '', 1 if it is known what it paid, else 0
-- @include queue
-- @include record
-- @include accounts

local now = clock(ARGV[1])
local reply = {}
for _, member in ipairs(redis.call('ZRANGE', ACCOUNTS, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  local fields = header_of((split_member(member)))
  if fields then
    redis.call('ZADD', ACCOUNTS, ms(now + tonumber(ARGV[3])), member)
    local row = {member, fields[H.tenant], fields[H.batch], redis.call('HEXISTS', PAID, member)}
    for _, word in ipairs(row) do reply[#reply + 1] = word end
  else
    redis.call('ZREM', ACCOUNTS, member)
    redis.call('HDEL', PAID, member)
  end
end
return reply
