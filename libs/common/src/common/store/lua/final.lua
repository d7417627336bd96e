-- How jobs end, and how long they are kept after that.

-- At least this many final jobs are kept, and at least this long (ms), by state, if the queue's settings say
-- nothing else.
local KEPT = {SUCCEEDED = 100, FAILED = 50, CANCELLED = 50, EXPIRED = 50}
local KEPT_MS = {SUCCEEDED = 86400000, FAILED = 604800000, CANCELLED = 86400000, EXPIRED = 86400000}
local function retention(state)
  local least, length = string.match(redis.call('HGET', CONFIG, 'keep:' .. state) or '', '^(%d*)/(%d*)$')
  return tonumber(least) or KEPT[state], tonumber(length) or KEPT_MS[state]
end

-- Lists of these states have an index of their own; most jobs succeed, and are found without.
local COUNTED = {SUCCEEDED = 'succeeded', FAILED = 'failed', CANCELLED = 'cancelled', EXPIRED = 'expired'}
local LISTED = {FAILED = true, CANCELLED = true, EXPIRED = true}

-- Removes up to `most` of a state's oldest final jobs, which were final before `before` (ms), but none of the last
-- `least`. Returns how many went.
local function trim(state, least, before, most)
  local done = PREFIX .. 'done:' .. state
  local surplus = redis.call('ZCARD', done) - least
  if surplus <= 0 then return 0 end
  local old = redis.call('ZRANGE', done, '-inf', ms(before), 'BYSCORE', 'LIMIT', 0, math.min(surplus, most))
  for _, id in ipairs(old) do
    redis.call('ZREM', done, id)
    delete_job(id)
  end
  return #old
end

-- Makes a job final, but for its entry among the final ones, which is written once for the whole call. A member of a
-- batch has none: it lives as long as its batch, which hears of its end.
local done, ended_members = {}, {}
local function note_done(id, tenant, before, state, now, attempt, error_json)
  local of_batch = has_members() and redis.call('HGET', MEMBERS, id)
  if of_batch then
    ended_members[#ended_members + 1] = {id, of_batch, state}
  else
    local entries = done[state] or {}
    done[state] = entries
    entries[#entries + 1] = ms(now)
    entries[#entries + 1] = id
  end
  if LISTED[state] then redis.call('ZADD', index_key(tenant, 's=' .. state), 0, id) end
  count(COUNTED[state])
  emit_state(id, tenant, now, attempt, before, state, error_json)
end

local function finalise(id, tenant, before, state, now, attempt, error_json)
  local key = open_run(id)
  redis.call('HSET', key, 'state', state, 'ended', ms(now), 'attempt', attempt)
  redis.call('HDEL', key, 'run_at')
  if error_json and error_json ~= '' then redis.call('HSET', key, 'error', error_json) end
  note_done(id, tenant, before, state, now, attempt, error_json)
end

local function enter_done(now)
  for state, entries in pairs(done) do
    in_slices('ZADD', PREFIX .. 'done:' .. state, entries)
    local least, length = retention(state)
    trim(state, least, now - length, 8 + #entries)
  end
  local told = {}
  for place, member in ipairs(ended_members) do
    told[place] = member_line(unpack(member))
    redis.call('HDEL', MEMBERS, member[1])
  end
  tell_batches(told)
end
BEFORE_COMMIT[#BEFORE_COMMIT + 1] = enter_done
