#!lua flags=allow-oom
-- Lease jobs to a worker that can start them now.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  consumer, one thread of one worker
--   ARGV[3]  number of this fetch, counted by the consumer
--   ARGV[4]  most jobs to lease
--   ARGV[5]  lease (ms)
--   ARGV[6]  losses after which a job is given up
--   ARGV[7]  worker
--
-- Output: now (ms), ms until something may become ready (-1: nothing is due), 1 if the queue is
-- paused, then a row for each leased job:
--   id, attempt, tenant, spent, lost, max attempts, least backoff (ms), most backoff (ms), timeout (ms), payload
-- A repeated number gets the first reply's jobs again, as far as their leases still run.
-- @include queue

local consumer, number, want, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local now = clock(ARGV[1])
local LOST = '{"class":"WORKER_LOST","reason":"WORKER_LOST","message":"its worker vanished too often",'
  .. '"suggestion":"look at the memory limit and the last log lines of the workers","attempt":%d,"at":%.0f}'

local function row(id, attempt)
  local f = redis.call('HMGET', job_key(id), 'tenant', 'spent', 'lost', 'max', 'backoff_min', 'backoff_max', 'timeout')
  return {id, attempt, f[1], f[2] or '0', f[3] or '0', f[4] or '', f[5] or '', f[6] or '', f[7] or '',
    redis.call('GET', PREFIX .. 'payload:' .. id) or ''}
end

local function promote(waiting)
  for _, id in ipairs(redis.call('ZRANGE', waiting, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, 100)) do
    redis.call('ZREM', waiting, id)
    local f = redis.call('HMGET', job_key(id), 'state', 'tenant', 'score', 'attempt')
    -- An id without a record, as after a hand-made deletion, must not stop the queue.
    if f[1] then
      redis.call('HSET', job_key(id), 'state', 'PENDING', 'ready', ms(now), 'updated', ms(now))
      redis.call('HDEL', job_key(id), 'run_at')
      redis.call('HINCRBY', job_key(id), 'revision', 1)
      make_ready(id, f[2], f[3])
      if f[1] ~= 'PENDING' then emit_state(id, now, f[4] or 0, 'PENDING') end
    end
  end
end

-- Takes back a lease that ran out: its worker is gone, or was silent for too long.
local function take_back(member)
  local id, attempt = split_member(member)
  redis.call('ZREM', LEASES, member)
  local cancelled = redis.call('SREM', CANCELLING, member) == 1
  if redis.call('EXISTS', job_key(id)) == 0 then return end
  local lost = redis.call('HINCRBY', job_key(id), 'lost', 1)
  count('lost')
  if cancelled then
    finalise(id, 'CANCELLED', now, attempt)
  elseif lost >= tonumber(ARGV[6]) then
    finalise(id, 'FAILED', now, attempt, string.format(LOST, attempt, now))
  else
    local f = redis.call('HMGET', job_key(id), 'tenant', 'score')
    redis.call('HSET', job_key(id), 'state', 'PENDING', 'ready', ms(now), 'updated', ms(now))
    redis.call('HINCRBY', job_key(id), 'revision', 1)
    make_ready(id, f[1], f[2])
    emit_state(id, now, attempt, 'PENDING')
  end
end

-- Takes the next job: the tenant with the least virtual time, its job with the earliest deadline.
local function pop()
  while true do
    local head = redis.call('ZRANGE', TENANTS, 0, 0, 'WITHSCORES')
    if #head == 0 then return nil end
    local tenant, vtime = head[1], tonumber(head[2])
    local id = redis.call('ZPOPMIN', ready_key(tenant))[1]
    if id then
      gauge('ready', -1)
      redis.call('HSET', COUNTERS, 'vtime', vtime)
    end
    if redis.call('ZCARD', ready_key(tenant)) == 0 then
      redis.call('ZREM', TENANTS, tenant)
    else
      redis.call('ZADD', TENANTS, vtime + 1, tenant)
    end
    if id then return id end
  end
end

-- Starts a job and returns its attempt, or nil if it had expired or has no record.
local function start(id)
  local f = redis.call('HMGET', job_key(id), 'attempt', 'expire', 'ready', 'created')
  if not f[4] then return nil end
  local attempt = tonumber(f[1] or 0) + 1
  if f[2] and tonumber(f[2]) <= now then
    finalise(id, 'EXPIRED', now, attempt - 1)
    return nil
  end
  redis.call('HSET', job_key(id), 'state', 'RUNNING', 'attempt', attempt, 'started', ms(now), 'worker', ARGV[7],
    'updated', ms(now))
  redis.call('HINCRBY', job_key(id), 'revision', 1)
  if attempt > 1 then
    redis.call('HDEL', job_key(id), 'progress')
    redis.call('UNLINK', PREFIX .. 'parts:' .. id)
  end
  redis.call('ZADD', LEASES, ms(now + lease_ms), id .. '/' .. attempt)
  count('started')
  observe('w', now - tonumber(f[3] or f[4]))
  emit_state(id, now, attempt, 'RUNNING')
  return attempt
end

promote(SCHEDULED)
promote(RETRYING)
for _, member in ipairs(redis.call('ZRANGE', LEASES, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, 100)) do
  take_back(member)
end

local paused = redis.call('HGET', CONFIG, 'paused') == '1'
local reply = {now, -1, paused and 1 or 0}
local fetched = PREFIX .. 'fetched:' .. consumer
local last = redis.call('GET', fetched)
local repeated = last and string.match(last, '^(%d+) ') == number
if repeated then
  for member in string.gmatch(string.match(last, ' (.*)$'), '[^ ]+') do
    if redis.call('ZSCORE', LEASES, member) then reply[#reply + 1] = row(split_member(member)) end
  end
elseif not paused then
  local members = {}
  while #members < want do
    local id = pop()
    if not id then break end
    local attempt = start(id)
    if attempt then
      members[#members + 1] = id .. '/' .. attempt
      reply[#reply + 1] = row(id, attempt)
    end
  end
  if #members > 0 then
    redis.call('SET', fetched, number .. ' ' .. table.concat(members, ' '), 'PX', lease_ms)
  end
end

local nearest
for _, waiting in ipairs({SCHEDULED, RETRYING, LEASES}) do
  local head = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
  if head[2] and (not nearest or tonumber(head[2]) < nearest) then nearest = tonumber(head[2]) end
end
if nearest then reply[2] = math.max(0, nearest - now) end
commit(now)
return reply
