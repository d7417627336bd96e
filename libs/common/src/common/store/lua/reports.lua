#!lua flags=no-writes
-- Read the reports of all workers that are there.
--
-- Input:
--   KEYS[1]  zset    worker ids by their last report (ms)
--   KEYS[2]  prefix  of the reports' keys, in the same slot
--
-- Output: now (ms), then rows of worker id, time of the report (ms), report as JSON.

local time = redis.call('TIME')
local reply = {time[1] * 1000 + math.floor(time[2] / 1000)}
local seen = redis.call('ZRANGE', KEYS[1], 0, 999, 'WITHSCORES')
for i = 1, #seen, 2 do
  local report = redis.call('GET', KEYS[2] .. seen[i])
  if report then reply[#reply + 1] = {seen[i], seen[i + 1], report} end
end
return reply
