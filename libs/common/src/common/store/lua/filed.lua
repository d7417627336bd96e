#!lua flags=allow-oom
-- Name files for the arguments of new jobs.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   then hashes
--
-- Output, for each hash: the time (ms) in the name of its file, and 1 if jobs hold that file, else 0
-- @include queue
-- @include record

local now, reply = clock(ARGV[1]), {}
for place = 2, #ARGV do
  local held = redis.call('GET', file_key('file', ARGV[place]))
  reply[#reply + 1], reply[#reply + 2] = held or ms(now), held and 1 or 0
end
return reply
