#!lua
-- Accept jobs: claim the request id, write the record, put it where it waits, all or nothing per job.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  how long a request id is kept at least (ms); at most twice as long
--   ARGV[3]  channel on which workers hear of cancels
--   then for each job 16 values:
--     id, tenant, priority, latest start for its deadline (ms) or '', run at (ms) or '', delay (ms),
--     expire at (ms) or '', time to live (ms) or '', request id or '', digest, unique key or '',
--     duplicate policy, its header from priority to unique key, names of its indexes apart by 0x1F, labels as JSON
--     or '', payload
--
-- Output: now (ms), then for each job a code and an id:
--    1  accepted (also when this very id was accepted before: a repeat)
--    2  the request id was used for the same request: that job's id
--    3  a job with this unique key is there, and is used: its id
--   -1  the request id was used for another request: that job's id
--   -2  the queue is full: its limit instead of an id
--   -3  a job with this unique key is there, and this one is refused: its id
--   -4  the queue is being drained
-- @include queue
-- @include record
-- @include ready
-- @include final
-- @include cancel_one

local now = clock(ARGV[1])
local config = redis.call('HMGET', CONFIG, 'depth', 'draining', 'labels')
local depth = tonumber(config[1] or 'inf')
local waiting = tonumber(redis.call('HGET', COUNTERS, 'ready') or 0)
  + redis.call('ZCARD', SCHEDULED) + redis.call('ZCARD', RETRYING) + redis.call('ZCARD', SUSPECTS)
local fresh, reply = 0, {now}
-- Entries of sorted sets, by key, written at the end.
local entries = {}
local function enter(key, score, id)
  local list = entries[key] or {}
  entries[key] = list
  list[#list + 1], list[#list + 2] = score, id
end
local tenants, kinds = {}, {}
-- The type, in a header from priority to unique key.
local KIND = '^[^\t]*\t[^\t]*\t[^\t]*\t([^\t]*)'

-- The names of a job's indexes, with those of the labels that the queue indexes.
local function with_labels(index, labels)
  if labels == '' or not config[3] then return index end
  local names, values = {index ~= '' and index or nil}, cjson.decode(labels)
  for key in string.gmatch(config[3], '[^,]+') do
    if values[key] then names[#names + 1] = 'label:' .. key .. '=' .. values[key] end
  end
  return table.concat(names, '\31')
end

-- Request ids are kept by period, a hash each, as a key of its own would cost twice the memory.
local period = math.floor(now / tonumber(ARGV[2]))
local function requests_key(back) return PREFIX .. 'requests:' .. ms(period - back) end
local asked, claims, claimed = {}, {}, {}
for at = 4, #ARGV, 16 do
  if ARGV[at + 8] ~= '' then asked[#asked + 1] = ARGV[at + 1] .. '\t' .. ARGV[at + 8] end
end
for back = 0, #asked > 0 and 1 or -1 do
  local found = redis.call('HMGET', requests_key(back), unpack(asked))
  for place, claim in ipairs(asked) do claims[claim] = claims[claim] or found[place] or nil end
end

-- Returns a code and an id if the unique key or the request id decides, else nil and the claim to make.
local function decided(id, tenant, request, digest, unique, policy)
  local claim
  if request ~= '' then
    claim = tenant .. '\t' .. request
    if claims[claim] then
      local first, first_digest = string.match(claims[claim], '^(%S+) (.*)$')
      return first_digest == digest and 2 or -1, first
    end
  end
  if unique == '' or policy == 'RUN' then return nil, claim end
  local holder = redis.call('GET', PREFIX .. 'unique:' .. tenant .. ':' .. unique)
  local fields = holder and header_of(holder)
  if not fields then return nil, claim end
  local state = redis.call('HGET', run_key(holder), 'state') or first_state(fields)
  if FINAL[state] then return nil, claim end
  if policy == 'USE_EXISTING' then return 3, holder end
  if policy == 'REJECT' then return -3, holder end
  -- REPLACE: what waits gives way, but only to a job that is taken; what runs has begun with what was known then,
  -- and this one follows it.
  if state ~= 'RUNNING' and state ~= 'CANCELLING' and config[2] ~= '1' and waiting <= depth then
    cancel_one(holder, fields, now, ARGV[3])
    waiting = waiting - 1
  end
  return nil, claim
end

local function submit_one(id, tenant, priority, latest, run_at, delay, expire, ttl, request, digest, unique, policy,
    rest, index, labels, payload)
  if redis.call('EXISTS', job_key(id)) == 1 then return 1, id end
  local code, other = decided(id, tenant, request, digest, unique, policy)
  if code then return code, other end
  if config[2] == '1' then return -4, '' end
  if waiting >= depth then return -2, ms(depth) end
  waiting = waiting + 1
  local start = now + tonumber(delay)
  if run_at ~= '' then start = math.max(now, tonumber(run_at)) end
  local allowance = ALLOWANCE_MS[priority]
  local score = start + allowance
  if allowance >= 0 and latest ~= '' then score = math.min(score, tonumber(latest)) end
  if ttl ~= '' then expire = ms(now + tonumber(ttl)) end
  index = with_labels(index, labels)
  local header = {'1', ms(now), ms(score), start > now and ms(start) or '', expire, rest, index, labels}
  redis.call('SET', job_key(id), string.gsub(table.concat(header, '\t'), '\t+$', '') .. '\n' .. payload)
  local kind = kind_of(string.match(rest, KIND))
  enter(type_key(tenant, kind), 0, id)
  kinds[tenant] = kinds[tenant] or {}
  kinds[tenant][kind] = true
  for name in string.gmatch(index, '[^\31]+') do enter(index_key(tenant, name), 0, id) end
  if expire ~= '' then enter(EXPIRING, expire, id) end
  if other then
    claims[other] = id .. ' ' .. digest
    claimed[#claimed + 1], claimed[#claimed + 2] = other, claims[other]
  end
  if unique ~= '' then redis.call('SET', PREFIX .. 'unique:' .. tenant .. ':' .. unique, id) end
  if start > now then enter(SCHEDULED, ms(start), id) else enter(ready_key(tenant), ms(score), id) end
  tenants[tenant] = (tenants[tenant] or 0) + (start > now and 0 or 1)
  fresh = fresh + 1
  count('submitted')
  emit_state(id, tenant, now, 0, nil, start > now and 'SCHEDULED' or 'PENDING')
  return 1, id
end

for at = 4, #ARGV, 16 do
  local code, id = submit_one(unpack(ARGV, at, at + 15))
  reply[#reply + 1], reply[#reply + 2] = code, id
end
for key, list in pairs(entries) do in_slices('ZADD', key, list) end
if #claimed > 0 then
  in_slices('HSET', requests_key(0), claimed)
  redis.call('PEXPIRE', requests_key(0), 3 * tonumber(ARGV[2]))
end
for tenant, made_ready in pairs(tenants) do
  redis.call('SADD', EVERYONE, tenant)
  for kind in pairs(kinds[tenant]) do redis.call('SADD', types_key(tenant), kind) end
  gauge('ready', made_ready)
  if made_ready > 0 then line_up(tenant) end
end
-- A scheduled job also rings: a consumer that sleeps until later must learn of an earlier time.
if fresh > 0 then ring(fresh) end
commit(now)
return reply
