-- Takes jobs out of the ready ones and leases them.

-- Shares `want` starts out between tenants: each goes to the one with the least virtual time. Returns the tenants
-- in the order of their turns, and by tenant: virtual time, jobs to take, jobs it has, its window, its weight.
local function turns(want, now)
  local limited = redis.call('HGET', CONFIG, 'limited') == '1'
  local line, by = {}, {}
  repeat
    local held = 0
    local heads = redis.call('ZRANGE', TENANTS, 0, want - 1, 'WITHSCORES')
    line, by = {}, {}
    for i = 1, #heads, 2 do
      local tenant = heads[i]
      local one = {v = tonumber(heads[i + 1]), take = 0, has = redis.call('ZCARD', ready_key(tenant)), weight = 1}
      local room, narrow = math.huge, nil
      if limited then
        one.weight, one.window, one.gates = tenant_limits(tenant, now)
        room, narrow = narrowest(one.gates)
      end
      one.clears = narrow and (narrow[5] or math.huge)
      one.most = math.min(one.has, room)
      if one.most > 0 then
        line[#line + 1] = tenant
        by[tenant] = one
      elseif one.has == 0 then
        redis.call('ZREM', TENANTS, tenant)
      else
        redis.call('ZREM', TENANTS, tenant)
        redis.call('ZADD', HELD, one.clears == math.huge and 'inf' or ms(one.clears), tenant)
        held = held + 1
      end
    end
  until held == 0 or #line >= want
  local order = {}
  while #order < want and #line > 0 do
    local tenant = table.remove(line, 1)
    local one = by[tenant]
    -- A tenant that is alone gives all that is wanted at once.
    local taken = #line == 0 and math.min(want - #order, one.most - one.take) or 1
    for _ = 1, taken do order[#order + 1] = tenant end
    one.take = one.take + taken
    one.started = one.v + (taken - 1) / one.weight
    one.v = one.v + taken / one.weight
    if one.take < one.most then
      local place = #line
      while place > 0 and (by[line[place]].v > one.v or (by[line[place]].v == one.v and line[place] > tenant)) do
        place = place - 1
      end
      table.insert(line, place + 1, tenant)
    end
  end
  return order, by
end

-- Writes what the turns left: each tenant's place in line, and the queue's virtual time.
local function settle_turns(by)
  local vtime = tonumber(redis.call('HGET', COUNTERS, 'vtime') or 0)
  for tenant, one in pairs(by) do
    if one.take > 0 then
      vtime = math.max(vtime, one.started)
      if one.take == one.has then
        redis.call('ZREM', TENANTS, tenant)
      elseif one.take == one.most then
        redis.call('ZREM', TENANTS, tenant)
        one.is_full = true
      else
        redis.call('ZADD', TENANTS, virtual(one.v), tenant)
      end
    end
  end
  redis.call('HSET', COUNTERS, 'vtime', virtual(vtime))
end

-- Holds a tenant that took all that its limits allowed, until they may allow more. Its starts are noted already;
-- what it has leased is counted when the call ends.
local function hold(tenant, one, now)
  local gates = {}
  for i, gate in ipairs(one.gates) do
    gates[i] = gate[1] == 'TENANT_WINDOW' and window_gate(gate[1], one.window, tenant_starts(tenant), now)
      or {gate[1], gate[2] - (one.begun or 0)}
  end
  local _, narrow = narrowest(gates)
  redis.call('ZADD', HELD, narrow[5] and ms(narrow[5]) or 'inf', tenant)
end

-- Created, expire and tenant in a header.
local HEAD = '^[^\t]*\t(%d+)\t[^\t]*\t[^\t]*\t(%d*)\t[^\t]*\t([^\t]*)\t'

local FIRST_RUN = {}

-- Starts a job: its run record says so. Adds it to the reply and its member to `members`; nothing happens if it
-- had expired or has no record. `whole` is the job's header and message.
local function start(id, whole, ran, reply, members, now, worker, alone)
  if not whole then return end
  local key = run_key(id)
  local created, expire, tenant = string.match(whole, HEAD)
  if tenant == '' then tenant = DEFAULT_TENANT end
  local f = ran and redis.call('HMGET', key, 'attempt', 'spent', 'lost', 'ready') or FIRST_RUN
  local last = f[1] or '0'
  if expire ~= '' and tonumber(expire) <= now then
    finalise(id, tenant, 'PENDING', 'EXPIRED', now, last)
    return
  end
  local attempt = '1'
  if last ~= '0' then
    attempt = ms(tonumber(last) + 1)
    redis.call('HDEL', key, 'progress', 'run_at', 'reason', 'alone', 'usage')
    redis.call('UNLINK', PREFIX .. 'parts:' .. id)
  end
  if tenant ~= DEFAULT_TENANT then redis.call('HSET', key, 'tenant', tenant) end
  if alone then redis.call('HSET', key, 'alone', '1') end
  redis.call('HSET', key, 'state', 'RUNNING', 'attempt', attempt, 'started', ms(now), 'worker', worker)
  members[#members + 1] = id .. '/' .. attempt
  count('started')
  note_leased(tenant, 1)
  observe('w', now - tonumber(f[4] or created))
  emit_state(id, tenant, now, attempt, 'PENDING', 'RUNNING')
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3] = id, attempt, f[2] or '0'
  reply[n + 4], reply[n + 5] = alone and '-' .. (f[3] or '0') or f[3] or '0', whole
end

-- Starts up to `want` ready jobs, each tenant's in the order of their deadlines.
local function take(reply, members, now, want, worker)
  while #members < want do
    local order, by = turns(want - #members, now)
    if #order == 0 then return end
    for tenant, one in pairs(by) do
      one.ids, one.next, one.begun = one.take > 0 and redis.call('ZPOPMIN', ready_key(tenant), one.take) or {}, 1, 0
    end
    settle_turns(by)
    gauge('ready', -#order)
    local keys, ids, ran = {}, {}, {}
    for turn, tenant in ipairs(order) do
      local one = by[tenant]
      ids[turn], ran[turn] = one.ids[one.next], has_run(one.ids[one.next + 1])
      keys[turn] = job_key(ids[turn])
      one.next = one.next + 2
    end
    local records = redis.call('MGET', unpack(keys))
    local windows = {}
    for turn, tenant in ipairs(order) do
      local one, before = by[tenant], #members
      start(ids[turn], records[turn], ran[turn], reply, members, now, worker, false)
      one.begun = one.begun + #members - before
      if one.window and #members > before then
        windows[tenant] = windows[tenant] or {}
        table.insert(windows[tenant], members[#members])
      end
    end
    for tenant, started in pairs(windows) do note_starts(tenant_starts(tenant), by[tenant].window, started, now) end
    for tenant, one in pairs(by) do
      if one.is_full then hold(tenant, one, now) end
      -- What had expired took no room: the tenant must not be held for its sake.
      if one.take > one.begun then release_tenant(tenant) end
    end
  end
end
