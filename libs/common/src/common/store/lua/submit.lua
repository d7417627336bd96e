#!lua
-- Accept jobs: claim the request id, write the record, put it where it waits, all or nothing per job.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  how long a request id is kept (ms)
--   then for each job 12 values and its fields:
--     id, tenant, priority, latest start for its deadline (ms) or '', run at (ms) or '', delay (ms),
--     expire at (ms) or '', time to live (ms) or '', request id or '', digest, payload,
--     number of further record fields and values, then those
--
-- Output: now (ms), then for each job a code and an id:
--    1  accepted (also when this very id was accepted before: a repeat)
--    2  the request id was used for the same request: that job's id
--   -1  the request id was used for another request: that job's id
--   -2  the queue is full: its limit instead of an id
-- @include queue

local now = clock(ARGV[1])
local reply = {now}
local depth = tonumber(redis.call('HGET', CONFIG, 'depth') or 'inf')
local waiting = tonumber(redis.call('HGET', COUNTERS, 'ready') or 0)
  + redis.call('ZCARD', SCHEDULED) + redis.call('ZCARD', RETRYING)
local fresh = 0
local at = 3

local function submit_one(id, tenant, priority, latest, run_at, delay, expire, ttl, request, digest, payload, fields)
  local key = job_key(id)
  if redis.call('EXISTS', key) == 1 then return 1, id end
  local claim = PREFIX .. 'request:' .. tenant .. ':' .. request
  if request ~= '' then
    local claimed = redis.call('GET', claim)
    if claimed then
      local first, first_digest = string.match(claimed, '^(%S+) (.*)$')
      return first_digest == digest and 2 or -1, first
    end
  end
  if waiting >= depth then return -2, ms(depth) end
  waiting = waiting + 1

  local start = now + tonumber(delay)
  if run_at ~= '' then start = math.max(now, tonumber(run_at)) end
  local allowance = ALLOWANCE_MS[priority]
  local score = start + allowance
  if allowance >= 0 and latest ~= '' then score = math.min(score, tonumber(latest)) end
  local state = start > now and 'SCHEDULED' or 'PENDING'
  redis.call('HSET', key, 'v', '1', 'state', state, 'tenant', tenant, 'priority', priority,
    'created', ms(now), 'updated', ms(now), 'score', ms(score), unpack(fields))
  if expire ~= '' then redis.call('HSET', key, 'expire', expire) end
  if ttl ~= '' then redis.call('HSET', key, 'expire', ms(now + tonumber(ttl))) end
  redis.call('SET', PREFIX .. 'payload:' .. id, payload)
  redis.call('ZADD', JOBS, 0, id)
  if request ~= '' then redis.call('SET', claim, id .. ' ' .. digest, 'PX', ARGV[2]) end
  if state == 'SCHEDULED' then
    redis.call('HSET', key, 'schedule', ms(start), 'run_at', ms(start))
    redis.call('ZADD', SCHEDULED, ms(start), id)
  else
    make_ready(id, tenant, ms(score))
  end
  fresh = fresh + 1
  count('submitted')
  emit_state(id, now, 0, state)
  return 1, id
end

while at <= #ARGV do
  local pairs_count = tonumber(ARGV[at + 11])
  local fields = {}
  for i = 1, pairs_count do fields[i] = ARGV[at + 11 + i] end
  local code, id = submit_one(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5],
    ARGV[at + 6], ARGV[at + 7], ARGV[at + 8], ARGV[at + 9], ARGV[at + 10], fields)
  reply[#reply + 1] = code
  reply[#reply + 1] = id
  at = at + 12 + pairs_count
end
-- A scheduled job also rings: a consumer that sleeps until later must learn of an earlier time.
if fresh > 0 then ring(fresh) end
commit(now)
return reply
