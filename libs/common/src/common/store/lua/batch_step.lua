#!lua flags=allow-oom
-- Note what was done for a batch, and say what is to be done next.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  tenant
--   ARGV[3]  id
--   ARGV[4]  most members of a step
--   ARGV[5]  what was done:
--     ''       nothing yet
--     sent     entries of the plan were submitted; then their place in it, how many entries, then for each member its
--              id, and L if a queue has it now or F if none ever takes it
--     again    members were retried; then for each its id, what was kept of it, and L if it goes on or F if it is gone
--     stopped  those that wait were cancelled
--     held     nothing, as a queue or the store takes no more; then why, and when to try again (ms from now)
--     dropped  its members were removed
--
-- Output: what to do next, and what it takes:
--    gone                     there is no such batch (any more)
--    wait                     nothing, until it is due again
--    send, place, entries…    submit these jobs
--    again, id, kept…         retry these members
--    stop, running, queues    cancel what waits, and if running is 1 what runs, too
--    drop, queues             remove all members
-- @include queue
-- @include batch

local now = clock(ARGV[1])
local tenant, id, most, done = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local b = load_batch(tenant, id)
if not b then
  redis.call('ZREM', DUE, tenant .. '\t' .. id)
  return {'gone'}
end
local f, n, members = b.f, b.n, members_key(tenant, id)

-- Counts a member elsewhere, if it is still where it was.
local function move_from(job, was, to)
  if redis.call('HGET', members, job) ~= was then return end
  local letter, number, paid = split_kept(was)
  redis.call('HSET', members, job, to .. spell(number) .. (paid ~= '' and '\t' .. paid or ''))
  recount(b, letter, to, paid, paid)
end

local changed = done ~= '' and done ~= 'dropped'
if done == 'sent' then
  if (f.cursor or '0') == ARGV[6] then
    redis.call('LTRIM', plan_key(tenant, id), ARGV[7], -1)
    f.cursor = spell(tonumber(ARGV[6]) + tonumber(ARGV[7]))
  end
  for at = 8, #ARGV, 2 do move_from(ARGV[at], 'W', ARGV[at + 1]) end
  f.held = nil
elseif done == 'again' then
  for at = 6, #ARGV, 3 do
    redis.call('LREM', again_key(tenant, id), 1, ARGV[at])
    move_from(ARGV[at], ARGV[at + 1], ARGV[at + 2])
  end
elseif done == 'stopped' then
  -- What was still to be retried is left as it was.
  for _, job in ipairs(redis.call('LRANGE', again_key(tenant, id), 0, -1)) do
    local kept = redis.call('HGET', members, job)
    local letter = kept and split_kept(kept)
    if letter and string.find(letter, '%l') then move_from(job, kept, string.upper(letter)) end
  end
  redis.call('DEL', again_key(tenant, id))
  f.halted = '1'
elseif done == 'held' then
  f.held = ARGV[6]
elseif done == 'dropped' and ENDED[f.state] then
  redis.call('ZREM', DUE, tenant .. '\t' .. id)
  redis.call('ZREM', index_of(tenant), id)
  redis.call('UNLINK', batch_key(tenant, id), members, plan_key(tenant, id), again_key(tenant, id))
  emit_change('D', id, tenant, now, 0)
  commit(now)
  return {'gone'}
end
if changed then save_batch(b, now) end

local function next_step()
  if ENDED[f.state] then
    local due = tonumber(f.ended) + tonumber(f.keep)
    return due, due <= now and {'drop', f.queues or ''} or {'wait'}
  end
  if f.halt then
    if f.halted then return now + LOOK_MS, {'wait'} end
    return nil, {'stop', f.halt == 'CALLER' and '1' or '', f.queues or ''}
  end
  if done == 'held' then return now + tonumber(ARGV[7]), {'wait'} end
  local room = f.parallel ~= '0' and math.min(most, tonumber(f.parallel) - n.L) or most
  if room <= 0 then return now + LOOK_MS, {'wait'} end
  local reply = {'again'}
  for _, job in ipairs(redis.call('LRANGE', again_key(tenant, id), 0, room - 1)) do
    reply[#reply + 1], reply[#reply + 2] = job, redis.call('HGET', members, job) or ''
  end
  if #reply > 1 then return nil, reply end
  local entries = redis.call('LRANGE', plan_key(tenant, id), 0, f.parallel ~= '0' and room - 1 or 0)
  if #entries > 0 then return nil, {'send', f.cursor or '0', unpack(entries)} end
  return now + LOOK_MS, {'wait'}
end
local due, reply = next_step()
redis.call('ZADD', DUE, spell(reply[1] == 'wait' and due or now + TAKEN_MS), tenant .. '\t' .. id)
commit(now)
return reply
