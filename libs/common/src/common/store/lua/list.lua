#!lua flags=no-writes
-- Read a page of a tenant's jobs, newest id first, that meet a condition.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  tenant
--   ARGV[2]  id after which to go on, or '' to begin
--   ARGV[3]  most jobs to return
--   ARGV[4]  most jobs to look at
--   ARGV[5]  names of indexes that hold every match, apart by 0x1F, or ''
--   ARGV[6…] the condition in postfix order: "AND", "OR", "NOT", or field, operator (=, !=, <, <=, >, >=, has), value
--
-- Output: the last id looked at ('' when the end was reached), how many were looked at, then for each job its id,
-- its header, and its run record as a flat list. Comparison is of numbers where both sides are numbers.
-- @include queue
-- @include record
-- @include types
-- @include matching
-- @include label_index

local tenant, after, want, look = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

-- States whose jobs stand in a structure of the queue. If that is small it is read whole, and put in order.
local PLACES = {SCHEDULED = SCHEDULED, RETRYING = RETRYING, RUNNING = LEASES, CANCELLING = LEASES}

-- Of all that hold every match, the smallest; and above which id it does, if not from the beginning. None: all jobs.
local everything = type_keys(tenant)
local best, size, whole, floor = nil, 0, false, nil
for _, key in ipairs(everything) do size = size + redis.call('ZCARD', key) end
for name in string.gmatch(ARGV[5], '[^\31]+') do
  local state = string.match(name, '^s=(%u+)$')
  local place = PLACES[state]
  local key = place or (state == 'PENDING' and PREFIX .. 'ready:' .. tenant) or index_key(tenant, name)
  -- What is PENDING may also be snoozed or suspect; what SUCCEEDED has no index.
  local above = label_floor(name, tenant)
  local serves = state ~= 'SUCCEEDED' and state ~= 'PENDING' and above ~= false
    and (not above or after == '' or after > above)
  local card = serves and redis.call('ZCARD', key) or math.huge
  if card < size and (not place or card <= look) then best, size, whole, floor = key, card, place ~= nil, above end
end

-- Returns up to `most` ids between two bounds, the newest first, out of all of some lists.
local function newest(keys, above, below, most)
  local found = {}
  for _, key in ipairs(keys) do
    for _, id in ipairs(redis.call('ZRANGE', key, above, below, 'BYLEX', 'REV', 'LIMIT', 0, most)) do
      found[#found + 1] = id
    end
  end
  if #keys > 1 then
    table.sort(found, function(a, b) return a > b end)
    for place = #found, most + 1, -1 do found[place] = nil end
  end
  return found
end

local ids
if whole then
  ids = {}
  for _, member in ipairs(redis.call('ZRANGE', best, 0, -1)) do
    local id = string.match(member, '^[^/]*')
    if after == '' or id < after then ids[#ids + 1] = id end
  end
  table.sort(ids, function(a, b) return a > b end)
else
  ids = newest(best and {best} or everything, after == '' and '+' or '(' .. after, floor and '[' .. floor or '-', look)
end
-- Where to go on after all of these: below the floor the other jobs are looked at one by one.
local function rest()
  if #ids == look then return ids[#ids] end
  local below = floor and newest(everything, '(' .. floor, '-', 1)[1]
  return below and floor or ''
end
local reply = {'', #ids}
for place, id in ipairs(ids) do
  local header = header_of(id)
  if header and header[H.tenant] == tenant then
    local run = run_of(id)
    if matches(record_of(header, run)) then
      local n = #reply
      reply[n + 1], reply[n + 2], reply[n + 3] = id, header_line(id), run
    end
  end
  if #reply >= 2 + 3 * want then
    reply[1], reply[2] = place < #ids and id or rest(), place
    return reply
  end
end
reply[1] = rest()
return reply
