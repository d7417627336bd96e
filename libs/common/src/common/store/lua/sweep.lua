#!lua flags=allow-oom
-- Do what time alone brings about, when no worker fetches and nothing ends: promote, expire, take back, remove old.
--
-- Input:
--   KEYS     those of QueueKeys.all(); on one server, the beginning of keys of claims (claims.lua)
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  how many SUCCEEDED jobs to remove before their time, because the server's memory is short; the last 100 stay, or fewer
--            if the queue is set to keep fewer
--   ARGV[3]  how long a request id is kept at least (ms)
--
-- Output: ms until something is due (-1: nothing), jobs removed, 1 if more are to be measured or removed at once,
-- 1 if batches are to hear of members, 1 if accounts are to be looked at
-- @include queue
-- @include record
-- @include ready
-- @include final
-- @include room
-- @include blobs
-- @include retry_budget
-- @include accounts
-- @include reclaim
-- @include parts
-- @include claims

-- By so much (ms) another queue's clock may be behind this one's, after a fail-over.
local CLOCKS_APART = 3600000
-- Jobs of each state that one sweep measures, and all that it removes for the memory budget.
local ROOM_JOBS = 300
-- Members of batches that one sweep looks at.
local MEMBERS_LOOKED_AT = 20

local now = clock(ARGV[1])
local ready = tonumber(redis.call('HGET', COUNTERS, 'ready') or 0)
reclaim(now)
local made_ready = gauges.ready or 0
local removed, more = 0, false
for state in pairs(KEPT) do
  local least, length = retention(state)
  removed = removed + trim(state, least, now - length, 100)
end
if tonumber(ARGV[2]) > 0 then
  removed = removed + trim('SUCCEEDED', math.min(retention('SUCCEEDED'), KEPT.SUCCEEDED), now, tonumber(ARGV[2]))
end
local budget = redis.call('HGET', CONFIG, 'memory')
if budget then
  local gone
  gone, more = keep_within(tonumber(budget), now, ROOM_JOBS)
  removed = removed + gone
end
if redis.call('HGET', CONFIG, 'paused') == '1' then
  local at = tonumber(redis.call('HGET', CONFIG, 'resume_at') or 'inf')
  if at <= now then
    redis.call('HDEL', CONFIG, 'paused', 'resume_at')
    made_ready = made_ready + ready
  end
end
look_at_blobs(now)
drop_former(0)
-- Members that ended, or went, by a script of a version that tells no batch of it.
if has_members() then
  local some, told = redis.call('HRANDFIELD', MEMBERS, MEMBERS_LOOKED_AT, 'WITHVALUES'), {}
  for at = 1, #some, 2 do
    local fields = header_of(some[at])
    local state = not fields and 'CANCELLED' or run_fields(some[at], 'state')[1]
    if FINAL[state] then
      told[#told + 1] = member_line(some[at], some[at + 1], state)
      redis.call('HDEL', MEMBERS, some[at])
    end
  end
  tell_batches(told)
end
-- Without waiting for their expiry, which some servers carry out all at once and at length; a tenant's at a time.
local someone = redis.call('SRANDMEMBER', EVERYONE)
if someone then
  redis.call('UNLINK', claims_key(someone, math.floor((now - CLOCKS_APART) / tonumber(ARGV[3])) - 2))
end
if made_ready > 0 then ring(made_ready) end
commit(now)
local nearest = -1
for _, waiting in ipairs({SCHEDULED, RETRYING, LEASES, EXPIRING}) do
  local head = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
  local left = head[2] and math.max(0, tonumber(head[2]) - now)
  if left and (nearest < 0 or left < nearest) then nearest = left end
end
local due = redis.call('ZCOUNT', ACCOUNTS, '-inf', ms(now)) > 0
return {nearest, removed, more and 1 or 0, redis.call('EXISTS', ENDS), due and 1 or 0}
