#!lua flags=no-writes
-- Read one job, and the position in the event stream at which it was so.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  id
--   ARGV[2]  '1' to read payload, result and parts too
--
-- Output: id of the stream's last entry ('0-0': none), the record (empty: no such job), payload,
-- result, parts; the last four as flat lists of fields and values.
-- @include queue

local id = ARGV[1]
local last = redis.call('XREVRANGE', EVENTS, '+', '-', 'COUNT', 1)
local reply = {last[1] and last[1][1] or '0-0', redis.call('HGETALL', job_key(id)), '', {}, {}}
if ARGV[2] == '1' then
  reply[3] = redis.call('GET', PREFIX .. 'payload:' .. id) or ''
  reply[4] = redis.call('HGETALL', PREFIX .. 'result:' .. id)
  reply[5] = redis.call('HGETALL', PREFIX .. 'parts:' .. id)
end
return reply
