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
-- @include reclaim

local consumer, number, want, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local now = clock(ARGV[1])

-- Record fields that a worker needs, as it gets them.
local ROW = {'tenant', 'spent', 'lost', 'max', 'backoff_min', 'backoff_max', 'timeout'}

local function row(id, attempt, f)
  return {id, attempt, f[1], f[2] or '0', f[3] or '0', f[4] or '', f[5] or '', f[6] or '', f[7] or '',
    redis.call('GET', PREFIX .. 'payload:' .. id) or ''}
end

-- Takes up to `most` ids. While several tenants have jobs, one from the tenant with the least virtual time,
-- its job with the earliest deadline; a tenant that is alone gives all that is wanted at once.
local function pop(most)
  local heads = redis.call('ZRANGE', TENANTS, 0, 1, 'WITHSCORES')
  if #heads == 0 then return nil end
  local tenant, vtime = heads[1], tonumber(heads[2])
  local wanted = #heads == 2 and most or 1
  local popped = redis.call('ZPOPMIN', ready_key(tenant), wanted)
  local ids = {}
  for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  gauge('ready', -#ids)
  if #ids > 0 then redis.call('HSET', COUNTERS, 'vtime', ms(vtime + #ids - 1)) end
  if redis.call('ZCARD', ready_key(tenant)) == 0 then
    redis.call('ZREM', TENANTS, tenant)
  else
    redis.call('ZADD', TENANTS, ms(vtime + #ids), tenant)
  end
  return ids
end

-- Starts a job and returns its attempt and row, or nil if it had expired or has no record.
local leases = {}
local function start(id)
  local key = job_key(id)
  local f = redis.call('HMGET', key, 'tenant', 'spent', 'lost', 'max', 'backoff_min', 'backoff_max', 'timeout',
    'attempt', 'expire', 'ready', 'created', 'revision')
  if not f[11] then return nil end
  local attempt = tonumber(f[8] or 0) + 1
  if f[9] and tonumber(f[9]) <= now then
    finalise(id, 'EXPIRED', now, attempt - 1)
    return nil
  end
  redis.call('HSET', key, 'state', 'RUNNING', 'attempt', attempt, 'started', ms(now), 'worker', ARGV[7],
    'updated', ms(now), 'revision', tonumber(f[12] or 0) + 1)
  if attempt > 1 then
    redis.call('HDEL', key, 'progress')
    redis.call('UNLINK', PREFIX .. 'parts:' .. id)
  end
  leases[#leases + 1] = ms(now + lease_ms)
  leases[#leases + 1] = id .. '/' .. attempt
  count('started')
  observe('w', now - tonumber(f[10] or f[11]))
  emit_state(id, now, attempt, 'RUNNING')
  return attempt, row(id, attempt, f)
end

promote(SCHEDULED, now)
promote(RETRYING, now)
for _, member in ipairs(redis.call('ZRANGE', LEASES, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, 100)) do
  take_back(member, now, tonumber(ARGV[6]))
end

local paused = redis.call('HGET', CONFIG, 'paused') == '1'
local reply = {now, -1, paused and 1 or 0}
local fetched = PREFIX .. 'fetched:' .. consumer
local last = redis.call('GET', fetched)
local repeated = last and string.match(last, '^(%d+) ') == number
if repeated then
  for member in string.gmatch(string.match(last, ' (.*)$'), '[^ ]+') do
    if redis.call('ZSCORE', LEASES, member) then
      local id, attempt = split_member(member)
      reply[#reply + 1] = row(id, attempt, redis.call('HMGET', job_key(id), unpack(ROW)))
    end
  end
elseif not paused then
  local taken = 0
  while taken < want do
    local ids = pop(want - taken)
    if not ids then break end
    for _, id in ipairs(ids) do
      local attempt, started = start(id)
      if attempt then
        taken = taken + 1
        reply[#reply + 1] = started
      end
    end
  end
  if taken > 0 then
    in_slices('ZADD', LEASES, leases)
    local members = {}
    for i = 2, #leases, 2 do members[#members + 1] = leases[i] end
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
