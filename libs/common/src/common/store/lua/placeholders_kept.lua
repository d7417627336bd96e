#!lua flags=allow-oom
-- Read the placeholder map of a conversation.
--
-- Input:
--   KEYS[1]  hash  the map
--   --
--   ARGV[1]  how long it is kept from now on (ms), or '' to leave that as it is
--
-- Output: version and body, or nothing if there is none.

local found = redis.call('HMGET', KEYS[1], 'version', 'body')
if not found[1] then return {} end
if ARGV[1] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return found
