#!lua flags=no-writes
-- Read a batch, and the position in the event stream at which it was so.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  tenant
--   ARGV[2]  id
--
-- Output: id of the stream's last entry ('0-0': none), and the record as a flat list; it is empty if there is none
-- @include queue
-- @include batch

local last = redis.call('XREVRANGE', EVENTS, '+', '-', 'COUNT', 1)
return {last[1] and last[1][1] or '0-0', redis.call('HGETALL', batch_key(ARGV[1], ARGV[2]))}
