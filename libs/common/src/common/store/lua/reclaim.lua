-- What comes back by itself: jobs whose time has come, leases that ran out, jobs that were not started in time.
local LOST = '{"class":"WORKER_LOST","reason":"WORKER_LOST","message":"its worker vanished each time it ran alone",'
  .. '"suggestion":"look at the memory limit and the last log lines of the workers","attempt":%d,"at":%.0f}'
-- From this loss on a job is suspect: it runs alone in its worker, after a pause that grows (ms).
local SUSPECT_AFTER, SUSPECT_PAUSE_MS, SUSPECT_PAUSE_MAX_MS = 2, 1000, 300000
-- So many losses while alone, and it is given up.
local LOST_ALONE_MAX = 2
-- The most of each kind in one call.
local RECLAIM_MAX = 100

-- Makes jobs ready whose time has come, at most `most`.
local function promote(waiting, now, most)
  for _, id in ipairs(redis.call('ZRANGE', waiting, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, most)) do
    redis.call('ZREM', waiting, id)
    local fields = header_of(id)
    -- An id without a record, as after a hand-made deletion, must not stop the queue.
    if fields then
      local key = open_run(id)
      local f = redis.call('HMGET', key, 'state', 'attempt')
      redis.call('HSET', key, 'state', 'PENDING', 'ready', ms(now))
      redis.call('HDEL', key, 'run_at', 'reason')
      make_ready(id, fields[H.tenant], fields[H.score])
      if waiting == RETRYING then count('repeated') end
      if f[1] ~= 'PENDING' then emit_state(id, fields[H.tenant], now, f[2] or 0, f[1] or 'SCHEDULED', 'PENDING') end
    end
  end
end

-- Promotes retries as far as the budget goes; returns when to look again if it binds, else nil.
local function promote_retries(now)
  local due = redis.call('ZCOUNT', RETRYING, '-inf', ms(now))
  if due == 0 then return nil end
  local left = retry_budget(now)
  if left > 0 then promote(RETRYING, now, math.min(left, RECLAIM_MAX)) end
  return due > left and (math.floor(now / 60000) + 1) * 60000 or nil
end

-- Gives up a job, or lets it wait for its next run, after its lease ran out.
local function lose(id, fields, now, attempt)
  local tenant, key = fields[H.tenant], open_run(id)
  local lost = redis.call('HINCRBY', key, 'lost', 1)
  local alone = 0
  if redis.call('HGET', key, 'alone') == '1' then
    alone = redis.call('HINCRBY', key, 'lost_alone', 1)
  end
  if alone >= LOST_ALONE_MAX then
    finalise(id, tenant, 'RUNNING', 'FAILED', now, attempt, string.format(LOST, attempt, now))
    redis.call('HSET', key, 'class', 'WORKER_LOST', 'cause', 'WORKER_LOST')
    return
  end
  keep_attempt(id, now, 'LOST')
  watch_expiry(id, fields)
  redis.call('HSET', key, 'state', 'PENDING', 'ready', ms(now))
  if lost < SUSPECT_AFTER then
    make_ready(id, tenant, fields[H.score])
  else
    local due = now + math.min(SUSPECT_PAUSE_MAX_MS, SUSPECT_PAUSE_MS * 2 ^ math.min(lost - SUSPECT_AFTER, 20))
    redis.call('HSET', key, 'run_at', ms(due), 'reason', 'SUSPECT')
    redis.call('ZADD', SUSPECTS, ms(due), id)
  end
  emit_state(id, tenant, now, attempt, 'RUNNING', 'PENDING')
end

-- Takes back a lease that ran out: its worker is gone, or was silent for too long.
local function take_back(member, now)
  local id, attempt = split_member(member)
  redis.call('ZREM', LEASES, member)
  local cancelled = redis.call('SREM', CANCELLING, member) == 1
  local fields = header_of(id)
  if not fields then
    -- Its record has gone, as by hand; what is left of it must not look as if it were leased.
    redis.call('DEL', run_key(id))
    return
  end
  local tenant = fields[H.tenant]
  note_leased(tenant, -1)
  release_tenant(tenant)
  count('lost')
  open_account(member, now)
  if cancelled then
    redis.call('HINCRBY', open_run(id), 'lost', 1)
    finalise(id, tenant, 'CANCELLING', 'CANCELLED', now, attempt)
  else
    lose(id, fields, now, attempt)
  end
end

-- Ends a job that still waits although its expire time has passed.
local function expire_waiting(id, now)
  redis.call('ZREM', EXPIRING, id)
  local fields = header_of(id)
  -- It may have gone, or have been given another time since.
  if not fields or fields[H.expire] == '' or tonumber(fields[H.expire]) > now then return end
  local f = run_fields(id, 'state', 'attempt')
  local state = f[1] or first_state(fields)
  if state == 'PENDING' or state == 'SCHEDULED' or state == 'RETRYING' then
    unqueue(id, fields[H.tenant])
    finalise(id, fields[H.tenant], state, 'EXPIRED', now, f[2] or 0)
  end
end

-- Does all of it. Returns when the retry budget lets more through, or nil; whether a suspect may be due; and when the
-- first lease runs out, unless some did.
local function reclaim(now)
  -- In most queues no job waits for a time, and no tenant is held: one look tells.
  local some, later = redis.call('EXISTS', EXPIRING, SCHEDULED, RETRYING, SUSPECTS, HELD) > 0, nil
  if some then
    for _, id in ipairs(redis.call('ZRANGE', EXPIRING, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, RECLAIM_MAX)) do
      expire_waiting(id, now)
    end
    promote(SCHEDULED, now, RECLAIM_MAX)
    later = promote_retries(now)
  end
  local head = redis.call('ZRANGE', LEASES, 0, 0, 'WITHSCORES')
  local next_lease = head[2] and tonumber(head[2]) or math.huge
  if next_lease <= now then
    next_lease = nil
    for _, member in ipairs(redis.call('ZRANGE', LEASES, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, RECLAIM_MAX)) do
      take_back(member, now)
    end
  end
  if some then release_held(now) end
  return later, some, next_lease
end
