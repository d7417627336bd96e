-- Whose turn it is: starts are shared out between tenants by their virtual times.

-- Shares `want` starts out between tenants, of which some may be `limited`: each goes to the one with the least virtual time. Returns the tenants
-- in the order of their turns, and by tenant: virtual time, jobs to take, jobs it has, its window, its weight.
local function turns(want, now, limited)
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
  local before = tonumber(redis.call('HGET', COUNTERS, 'vtime') or 0)
  local vtime = before
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
  if vtime > before then redis.call('HSET', COUNTERS, 'vtime', virtual(vtime)) end
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
