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
-- @include matching

local tenant, after, want, look = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

-- States whose jobs stand in a structure of the queue. If that is small it is read whole, and put in order.
local PLACES = {SCHEDULED = SCHEDULED, RETRYING = RETRYING, RUNNING = LEASES, CANCELLING = LEASES}

-- Of all that hold every match, the smallest.
local best, size, whole = jobs_key(tenant), redis.call('ZCARD', jobs_key(tenant)), false
for name in string.gmatch(ARGV[5], '[^\31]+') do
  local state = string.match(name, '^s=(%u+)$')
  local place = PLACES[state]
  local key = place or (state == 'PENDING' and PREFIX .. 'ready:' .. tenant) or index_key(tenant, name)
  -- What is PENDING may also be snoozed or suspect; what SUCCEEDED has no index.
  local serves = state ~= 'SUCCEEDED' and state ~= 'PENDING'
  local card = serves and redis.call('ZCARD', key) or math.huge
  if card < size and (not place or card <= look) then best, size, whole = key, card, place ~= nil end
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
  ids = redis.call('ZRANGE', best, after == '' and '+' or '(' .. after, '-', 'BYLEX', 'REV', 'LIMIT', 0, look)
end
local reply = {'', #ids}
for place, id in ipairs(ids) do
  local header = header_of(id)
  if header and header[H.tenant] == tenant then
    local run = redis.call('HGETALL', run_key(id))
    if matches(record_of(header, run)) then
      local n = #reply
      reply[n + 1], reply[n + 2], reply[n + 3] = id, header_line(id), run
    end
  end
  if #reply >= 2 + 3 * want then
    reply[1], reply[2] = (place < #ids or #ids == look) and id or '', place
    return reply
  end
end
if #ids == look then reply[1] = ids[#ids] end
return reply
