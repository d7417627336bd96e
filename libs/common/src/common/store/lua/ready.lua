-- The jobs that may start: by tenant in the order of their virtual deadlines, and tenants in the order of
-- their virtual times (start-time fair queueing, Goyal et al. 1996). A tenant that is held by a limit of its
-- own stands apart, so that nobody has to look past it.

-- Added to the ready time, by priority (ms). Held to common.job.priority by a test.
local ALLOWANCE_MS = {
  CRITICAL = -10000000000000, HIGH = 60000, NORMAL = 600000, LOW = 3600000, BACKGROUND = 21600000,
}

local function ready_key(tenant) return PREFIX .. 'ready:' .. tenant end
local function virtual(time) return string.format('%.6f', time) end

-- Puts a tenant with ready jobs in line. One that was idle joins at the present virtual time.
local function line_up(tenant, none_held)
  if not none_held and redis.call('ZSCORE', HELD, tenant) then return end
  redis.call('ZADD', TENANTS, 'NX', redis.call('HGET', COUNTERS, 'vtime') or '0', tenant)
end

-- The place of a job that has a run, half a millisecond from where it was submitted to: so that fetch need not
-- look for the runs of those that have none.
local function with_run(score) return score .. '.5' end
local function has_run(score) return string.sub(score, -2) == '.5' end

-- Puts a PENDING job that has a run where fetch takes it.
local function make_ready(id, tenant, score)
  redis.call('ZADD', ready_key(tenant), with_run(score), id)
  line_up(tenant)
  gauge('ready', 1)
end

-- Watches over a job's expire time while it waits.
local function watch_expiry(id, fields)
  if fields[H.expire] ~= '' then redis.call('ZADD', EXPIRING, fields[H.expire], id) end
end

local function forget_ready(id, tenant)
  if redis.call('ZREM', ready_key(tenant), id) == 0 then return end
  gauge('ready', -1)
  if redis.call('EXISTS', ready_key(tenant)) == 0 then
    redis.call('ZREM', TENANTS, tenant)
    redis.call('ZREM', HELD, tenant)
  end
end

-- Lets a held tenant take part again; whether its limit still binds is found out by the next fetch.
local function release_tenant(tenant)
  if redis.call('ZREM', HELD, tenant) == 1 and redis.call('EXISTS', ready_key(tenant)) == 1 then line_up(tenant) end
end

local function release_held(now)
  for _, tenant in ipairs(redis.call('ZRANGE', HELD, '-inf', now and ms(now) or '+inf', 'BYSCORE')) do
    release_tenant(tenant)
  end
end

-- Takes a waiting job out of wherever it waits.
local function unqueue(id, tenant)
  forget_ready(id, tenant)
  redis.call('ZREM', SCHEDULED, id)
  redis.call('ZREM', RETRYING, id)
  redis.call('ZREM', SUSPECTS, id)
  redis.call('ZREM', EXPIRING, id)
end
