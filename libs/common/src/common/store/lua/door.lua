-- What submit goes by when it lets a job in: how many wait, and who has its unique key.

-- How many jobs of the queue wait.
local function waiting_now()
  return tonumber(redis.call('HGET', COUNTERS, 'ready') or 0)
    + redis.call('ZCARD', SCHEDULED) + redis.call('ZCARD', RETRYING) + redis.call('ZCARD', SUSPECTS)
end

-- The job with a unique key that is not final, the fields of its header, and its state; nil if there is none.
local function holder_of(tenant, unique)
  local holder = redis.call('GET', PREFIX .. 'unique:' .. tenant .. ':' .. unique)
  local fields = holder and header_of(holder)
  if not fields then return nil end
  local state = run_fields(holder, 'state')[1] or first_state(fields)
  if FINAL[state] then return nil end
  return holder, fields, state
end

-- Whether a job gives way to another one with its key: what runs has begun with what was known then.
local function gives_way(state) return state ~= 'RUNNING' and state ~= 'CANCELLING' end
