-- Cancels one job, for every script that does.

-- Stops a job at once if it waits; asks its worker if it runs. Returns the state that it is in now.
local function cancel_one(id, fields, now, channel)
  local f = run_fields(id, 'state', 'attempt')
  local state, attempt = f[1] or first_state(fields), f[2] or '0'
  if FINAL[state] or state == 'CANCELLING' then return state end
  redis.call('HINCRBY', open_run(id), 'revision', 1)
  if state == 'RUNNING' then
    local member = id .. '/' .. attempt
    redis.call('HSET', run_key(id), 'state', 'CANCELLING', 'updated', ms(now))
    redis.call('SADD', CANCELLING, member)
    redis.call('PUBLISH', channel, member)
    emit_state(id, fields[H.tenant], now, attempt, 'RUNNING', 'CANCELLING')
    return 'CANCELLING'
  end
  unqueue(id, fields[H.tenant])
  finalise(id, fields[H.tenant], state, 'CANCELLED', now, attempt)
  return 'CANCELLED'
end
