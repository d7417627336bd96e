#!lua flags=no-writes
-- Read one job, and the position in the event stream at which it was so.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  id
--   ARGV[2]  '1' to read message, result and parts too
--
-- Output: id of the stream's last entry ('0-0': none), the header ('': no such job), the run record, message,
-- result, parts, messages that were replaced (those that are large packed, see common.store.packing); the run record, result and parts as flat lists of fields and values.
-- @include queue
-- @include record

local id = ARGV[1]
local last = redis.call('XREVRANGE', EVENTS, '+', '-', 'COUNT', 1)
local reply = {last[1] and last[1][1] or '0-0', '', {}, '', {}, {}, {}}
if ARGV[2] ~= '1' then
  reply[2] = header_line(id) or ''
  if reply[2] ~= '' then reply[3] = run_of(id) end
  return reply
end
local whole = redis.call('GET', job_key(id))
if not whole then return reply end
local cut = string.find(whole, '\n', 1, true)
reply[2], reply[4] = string.sub(whole, 1, cut - 1), with_shared(string.sub(whole, cut + 1))
reply[3] = run_of(id)
reply[5] = redis.call('HGETALL', PREFIX .. 'result:' .. id)
reply[6] = redis.call('HGETALL', PREFIX .. 'parts:' .. id)
for place, former in ipairs(redis.call('LRANGE', PREFIX .. 'specs:' .. id, 0, -1)) do
  reply[7][place] = with_shared(former)
end
return reply
