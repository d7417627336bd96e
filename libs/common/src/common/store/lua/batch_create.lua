#!lua
-- Create a batch, or add members to one that is open: all of it or nothing.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  tenant
--   ARGV[3]  id
--   ARGV[4]  request id, or ''
--   ARGV[5]  digest of the request
--   ARGV[6]  how long a request id is kept (ms)
--   ARGV[7]  most members of a batch
--   ARGV[8]  '1' to create it, '' to add to it
--   ARGV[9]  '1' if more members may follow, else ''
--   ARGV[10] queues of the members, apart by 0x1F
--   ARGV[11] how many entries of the plan follow, then they: each the jobs to submit at once
--   then how many fields of the record follow, then names and values
--   then ids of members
--
-- Output: a code, and the id of the batch that it is about:
--    1  done
--    2  the request id was used for the same request before: that batch
--   -1  the request id was used for another request: that batch
--   -2  there is no such batch
--   -3  it is not open, or no longer: its state instead of the id
--   -4  it would have too many members: how many it has instead of the id
-- @include queue
-- @include batch

local now = clock(ARGV[1])
local tenant, id, creates = ARGV[2], ARGV[3], ARGV[8] == '1'
local claim = ARGV[4] ~= '' and PREFIX .. 'request:' .. tenant .. ':' .. ARGV[4]
local first = claim and redis.call('GET', claim)
if first then
  local batch, digest = string.match(first, '^(%S+) (.*)$')
  return {digest == ARGV[5] and 2 or -1, batch}
end
local entries = {}
for place = 1, tonumber(ARGV[11]) do entries[place] = ARGV[11 + place] end
local at = 12 + #entries
local fields = {unpack(ARGV, at + 1, at + tonumber(ARGV[at]))}
at = at + 1 + #fields
local adding = #ARGV - at + 1

local b
if creates then
  if redis.call('EXISTS', batch_key(tenant, id)) == 1 then return {2, id} end
  if adding > tonumber(ARGV[7]) then return {-4, '0'} end
  redis.call('HSET', batch_key(tenant, id), 'created', ms(now), 'state', 'NEW', unpack(fields))
  redis.call('ZADD', index_of(tenant), '0', id)
  b = load_batch(tenant, id)
else
  b = load_batch(tenant, id)
  if not b then return {-2, id} end
  if b.f.open ~= '1' or b.f.halt then return {-3, b.f.state} end
  if adding + tonumber(b.f.total) > tonumber(ARGV[7]) then return {-4, b.f.total} end
end
if claim then redis.call('SET', claim, id .. ' ' .. ARGV[5], 'PX', ARGV[6]) end

in_slices('RPUSH', plan_key(tenant, id), entries)
local members = {}
for place = at, #ARGV do members[#members + 1], members[#members + 2] = ARGV[place], 'W' end
in_slices('HSET', members_key(tenant, id), members)
local queues, known = {}, {}
for queue in string.gmatch((b.f.queues or '') .. '\31' .. ARGV[10], '[^\31]+') do
  if not known[queue] then queues[#queues + 1] = queue end
  known[queue] = true
end
b.f.queues = table.concat(queues, '\31')
b.f.open = ARGV[9] == '1' and '1' or nil
b.f.total = spell(tonumber(b.f.total or 0) + adding)
b.n.W = b.n.W + adding
save_batch(b, now, now)
commit(now)
return {1, id}
