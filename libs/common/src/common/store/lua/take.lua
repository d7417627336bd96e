-- Takes jobs out of the ready ones and starts them.

-- Created, expire and tenant in a header.
local HEAD = '^[^\t]*\t(%d+)\t[^\t]*\t[^\t]*\t(%d*)\t[^\t]*\t([^\t]*)\t'

local FIRST_RUN = {}
-- Runs that begin by this call: written at once when it has started all that it will, by keys and values.
local briefs, brief_by = {}, {}
local function first_run(tenant, now, worker)
  local brief = brief_by[tenant] or begun_run(now, tenant, worker)
  brief_by[tenant] = brief
  return brief
end
local function write_briefs() set_all(briefs) end
BEFORE_COMMIT[#BEFORE_COMMIT + 1] = write_briefs
-- First byte of a record that shares its message, the version "2".
local SHARES = 50

-- Adds a leased job to the reply: its member, and what it spent and lost before if it did.
local function leased_row(reply, member, spent, lost, alone, whole)
  if spent or lost or alone then
    member = member .. ' ' .. (spent or '0') .. ' ' .. (alone and '-' or '') .. (lost or '0')
  end
  if string.byte(whole, 1) == SHARES then
    local cut = string.find(whole, '\n', 1, true)
    whole = string.sub(whole, 1, cut) .. with_shared(string.sub(whole, cut + 1))
  end
  reply[#reply + 1] = member
  reply[#reply + 1] = whole
end

-- Starts a job: its run record says so. Adds it to the reply and its member to `members`; nothing happens if it
-- had expired or has no record. `whole` is the job's header and message.
local function start(id, whole, ran, reply, members, now, worker, alone)
  if not whole then return end
  local key = run_key(id)
  local created, expire, tenant = string.match(whole, HEAD)
  if tenant == '' then tenant = DEFAULT_TENANT end
  local f = ran and redis.call('HMGET', open_run(id), 'attempt', 'spent', 'lost', 'ready') or FIRST_RUN
  local last = f[1] or '0'
  if expire ~= '' and tonumber(expire) <= now then
    finalise(id, tenant, 'PENDING', 'EXPIRED', now, last)
    return
  end
  local attempt = '1'
  if last ~= '0' then
    attempt = ms(tonumber(last) + 1)
    redis.call('HDEL', key, 'progress', 'run_at', 'reason', 'alone', 'usage')
    put_parts_by(id)
  end
  if ran then
    if tenant ~= DEFAULT_TENANT then redis.call('HSET', key, 'tenant', tenant) end
    if alone then redis.call('HSET', key, 'alone', '1') end
    redis.call('HSET', key, 'state', 'RUNNING', 'attempt', attempt, 'started', ms(now), 'worker', worker)
  else
    briefs[#briefs + 1], briefs[#briefs + 2] = key, first_run(tenant, now, worker)
  end
  members[#members + 1] = id .. '/' .. attempt
  count('started')
  note_leased(tenant, 1)
  observe('w', now - tonumber(f[4] or created))
  emit_state(id, tenant, now, attempt, 'PENDING', 'RUNNING')
  leased_row(reply, members[#members], f[2], f[3], alone, whole)
end

-- Starts up to `want` ready jobs, each tenant's in the order of their deadlines.
local function take(reply, members, now, want, worker, limited)
  while #members < want do
    local most = want - #members
    local order, by = turns(most, now, limited)
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
    -- With fewer turns than were asked for, nothing else is ready.
    local is_all = #order < most
    for tenant, one in pairs(by) do
      if one.is_full then hold(tenant, one, now) end
      -- What had expired took no room: the tenant must not be held for its sake.
      if one.take > one.begun then
        release_tenant(tenant)
        is_all = false
      end
    end
    if is_all then return end
  end
end
