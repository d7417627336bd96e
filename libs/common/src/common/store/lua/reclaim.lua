-- What comes back to the ready jobs by itself: those whose time has come, and those whose lease ran out.
local LOST = '{"class":"WORKER_LOST","reason":"WORKER_LOST","message":"its worker vanished too often",'
  .. '"suggestion":"look at the memory limit and the last log lines of the workers","attempt":%d,"at":%.0f}'

-- Makes jobs ready whose time has come.
local function promote(waiting, now)
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
local function take_back(member, now, max_lost)
  local id, attempt = split_member(member)
  redis.call('ZREM', LEASES, member)
  local cancelled = redis.call('SREM', CANCELLING, member) == 1
  if redis.call('EXISTS', job_key(id)) == 0 then return end
  local lost = redis.call('HINCRBY', job_key(id), 'lost', 1)
  count('lost')
  if cancelled then
    finalise(id, 'CANCELLED', now, attempt)
  elseif lost >= max_lost then
    finalise(id, 'FAILED', now, attempt, string.format(LOST, attempt, now))
  else
    local f = redis.call('HMGET', job_key(id), 'tenant', 'score')
    redis.call('HSET', job_key(id), 'state', 'PENDING', 'ready', ms(now), 'updated', ms(now))
    redis.call('HINCRBY', job_key(id), 'revision', 1)
    make_ready(id, f[1], f[2])
    emit_state(id, now, attempt, 'PENDING')
  end
end
