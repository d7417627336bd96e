#!lua flags=allow-oom
-- Remove entries that batches have heard of, and with the last one the stream.
--
-- Input:
--   KEYS[1]  stream  what they are to hear
--   --
--   ARGV     ids of entries
--
-- Output: how many were there
local gone = redis.call('XDEL', KEYS[1], unpack(ARGV))
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[1]) end
return gone
