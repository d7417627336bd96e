#!lua
-- Accept jobs: claim the request id, write the record, put it where it waits, all or nothing per job.
--
-- Input:
--   KEYS     those of QueueKeys.all(); on one server, the beginning of keys of claims (claims.lua)
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  how long a request id is kept at least (ms); at most twice as long
--   ARGV[3]  channel on which workers hear of cancels
--   ARGV[4]  in a cluster, the generation in which the request ids are bound to the queue (bind.lua)
--   ARGV[5]  how many terms follow
--   then for each of the terms, which jobs have in common, 12 values:
--     tenant, priority, latest start for its deadline (ms) or '', run at (ms) or '', delay (ms), expire at (ms) or '',
--     time to live (ms) or '', unique key or '', duplicate policy, header from priority to unique key,
--     names of indexes apart by 0x1F, labels as JSON or ''
--   then for each job 5 values: the place of its terms, id, request id or '', digest, payload (packed or filed if large)
--
-- Output: now (ms); unless all were accepted, then for each job a code and an id:
--    1  accepted (also when this very id was accepted before: a repeat)
--    2  the request id was used for the same request: that job's id
--    3  a job with this unique key is there, and is used: its id
--   -1  the request id was used for another request: that job's id
--   -2  the queue is full: its limit instead of an id
--   -3  a job with this unique key is there, and this one is refused: its id
--   -4  the queue is being drained
--   -5  its file is not for new jobs any more: it is to be written anew, see files.lua
--   -6  the request id was bound to another queue since
-- @include queue
-- @include record
-- @include messages
-- @include ready
-- @include final
-- @include cancel_one
-- @include claims
-- @include door

local FIRST_TERMS, TERMS, JOB = 6, 12, 5
local FIRST_JOB = FIRST_TERMS + TERMS * tonumber(ARGV[5])

local now = clock(ARGV[1])
local config = redis.call('HMGET', CONFIG, 'depth', 'draining', 'labels')
local depth = tonumber(config[1] or 'inf')
local waiting = config[1] and waiting_now() or 0

-- The names of a job's indexes, with those of the labels that the queue indexes.
local function with_labels(index, labels)
  if labels == '' or not config[3] then return index end
  local names, values = {index ~= '' and index or nil}, cjson.decode(labels)
  for key in string.gmatch(config[3], '[^,]+') do
    if values[key] then names[#names + 1] = 'label:' .. key .. '=' .. values[key] end
  end
  return table.concat(names, '\31')
end

-- The type, in a header from priority to unique key.
local KIND = '^[^\t]*\t[^\t]*\t[^\t]*\t([^\t]*)'

-- What jobs have in common, spelled once for all of them.
local function terms_of(tenant, priority, latest, run_at, delay, expire, ttl, unique, policy, rest, index, labels)
  local start = now + tonumber(delay)
  if run_at ~= '' then start = math.max(now, tonumber(run_at)) end
  local allowance = ALLOWANCE_MS[priority]
  local score = start + allowance
  if allowance >= 0 and latest ~= '' then score = math.min(score, tonumber(latest)) end
  if ttl ~= '' then expire = ms(now + tonumber(ttl)) end
  local batch = index ~= '' and string.match('\31' .. index, '\31batch=([^\31]+)')
  index = with_labels(index, labels)
  local waits = start > now
  local fields = {'1', ms(now), ms(score), waits and ms(start) or '', expire, rest, index, labels}
  local kind = kind_of(string.match(rest, KIND))
  local indexes = {type_key(tenant, kind)}
  for name in string.gmatch(index, '[^\31]+') do indexes[#indexes + 1] = index_key(tenant, name) end
  return {
    tenant = tenant, kind = kind, unique = unique, policy = policy, expire = expire, indexes = indexes,
    header = string.gsub(table.concat(fields, '\t'), '\t+$', '') .. '\n',
    state = waits and 'SCHEDULED' or 'PENDING', made_ready = waits and 0 or 1,
    place = waits and SCHEDULED or ready_key(tenant), score = waits and ms(start) or ms(score),
    of_batch = batch and tenant .. '\t' .. batch,
  }
end

local terms = {}
for at = FIRST_TERMS, FIRST_JOB - 1, TERMS do terms[#terms + 1] = terms_of(unpack(ARGV, at, at + TERMS - 1)) end

-- Whether some of the ids were accepted before; seldom, so that one look is enough for all of them.
local known, taken = 0, {}
for from = FIRST_JOB, #ARGV, JOB * 1000 do
  local keys = {}
  for at = from, math.min(from + JOB * 1000 - 1, #ARGV), JOB do keys[#keys + 1] = job_key(ARGV[at + 1]) end
  known = known + redis.call('EXISTS', unpack(keys))
end
local function is_known(id) return taken[id] or (known > 0 and redis.call('EXISTS', job_key(id)) == 1) end

-- Records, entries of sorted sets by their keys, members of batches, and ready jobs by tenant: written together.
local records, entries, members, tenants, kinds = {}, {}, {}, {}, {}
-- Whether no tenant is held, and whether nobody is rung for yet; of neither anything becomes more by this call.
local none_held, none_rung
local function enter(key, score, id)
  local list = entries[key] or {}
  entries[key] = list
  list[#list + 1], list[#list + 2] = score, id
end
local function flush()
  set_all(records)
  in_slices('HSET', MEMBERS, members)
  for key, list in pairs(entries) do in_slices('ZADD', key, list) end
  if none_held == nil and next(tenants) then
    local some = redis.call('EXISTS', HELD, HELD, WAKE)
    none_held, none_rung = some < 2, some % 2 == 0
  end
  for tenant, made_ready in pairs(tenants) do
    for kind, entered in pairs(kinds[tenant]) do
      -- The first of a type: whoever takes the last one away takes its type and its tenant from these.
      if redis.call('ZCARD', type_key(tenant, kind)) == entered then
        redis.call('SADD', EVERYONE, tenant)
        redis.call('SADD', types_key(tenant), kind)
      end
    end
    gauge('ready', made_ready)
    if made_ready > 0 then line_up(tenant, none_held) end
  end
  records, entries, members, tenants, kinds = {}, {}, {}, {}, {}
end

-- By tenant: the request ids of this call, what they stand for, and what is new of that as fields and values.
local period = math.floor(now / tonumber(ARGV[2]))
local asked, claims, claimed = {}, {}, {}
for at = FIRST_JOB, #ARGV, JOB do
  local request = ARGV[at + 2]
  if request ~= '' then
    local tenant = terms[tonumber(ARGV[at])].tenant
    local ids = asked[tenant]
    if not ids then
      ids = {}
      asked[tenant], claims[tenant], claimed[tenant] = ids, {}, {}
    end
    ids[#ids + 1] = request
  end
end
for tenant, ids in pairs(asked) do
  local here = claims[tenant]
  for back = 0, 1 do
    local key = claims_key(tenant, period - back)
    for from = 1, #ids, 1000 do
      local upto = math.min(from + 999, #ids)
      local found = redis.call('HMGET', key, unpack(ids, from, upto))
      for place = from, upto do here[ids[place]] = here[ids[place]] or found[place - from + 1] or nil end
    end
  end
end

-- Whether two digests are of the same request. Another version may keep more of one, never less than this.
local DIGEST_LEAST = 12
local function is_same(one, other)
  local length = math.max(DIGEST_LEAST, math.min(#one, #other))
  return string.sub(one, 1, length) == string.sub(other, 1, length)
end

-- Returns a code and an id if the request id or the unique key decides, else nil.
local function decided(common, request, digest)
  local claim = request ~= '' and claims[common.tenant][request]
  local fenced = claim and fence_of(claim)
  if fenced and fenced >= tonumber(ARGV[4]) then return -6, '' end
  if claim and not fenced then
    local first, first_digest = string.match(claim, '^([^ >]+) (.*)$')
    -- What a cluster has bound says nothing here.
    if first then return is_same(first_digest, digest) and 2 or -1, first end
  end
  if common.unique == '' or common.policy == 'RUN' then return nil end
  flush()
  local holder, fields, state = holder_of(common.tenant, common.unique)
  if not holder then return nil end
  if common.policy == 'USE_EXISTING' then return 3, holder end
  if common.policy == 'REJECT' then return -3, holder end
  -- REPLACE: what waits gives way, but only to a job that is taken; what runs is followed by this one.
  if gives_way(state) and config[2] ~= '1' and waiting <= depth then
    cancel_one(holder, fields, now, ARGV[3])
    waiting = waiting - 1
  end
  return nil
end

local fresh = 0
local function submit_one(common, id, request, digest, payload)
  if is_known(id) then return 1, id end
  if not may_hold(payload, now) then return -5, '' end
  local code, other = decided(common, request, digest)
  if code then return code, other end
  if config[2] == '1' then return -4, '' end
  if waiting >= depth then return -2, ms(depth) end
  waiting = waiting + 1
  fresh = fresh + 1
  taken[id] = true
  local tenant = common.tenant
  local header = common.header
  if string.byte(payload, 1) == PACKED then
    local version
    payload, version = keep_apart(id, payload, now)
    header = version .. string.sub(header, 2)
  end
  records[#records + 1], records[#records + 2] = job_key(id), header .. payload
  for place = 1, #common.indexes do enter(common.indexes[place], '0', id) end
  if common.of_batch then members[#members + 1], members[#members + 2] = id, common.of_batch end
  if common.expire ~= '' then enter(EXPIRING, common.expire, id) end
  enter(common.place, common.score, id)
  if request ~= '' then
    local claim, new = id .. ' ' .. digest, claimed[tenant]
    claims[tenant][request] = claim
    new[#new + 1], new[#new + 2] = request, claim
  end
  if common.unique ~= '' then redis.call('SET', PREFIX .. 'unique:' .. tenant .. ':' .. common.unique, id) end
  kinds[tenant] = kinds[tenant] or {}
  kinds[tenant][common.kind] = (kinds[tenant][common.kind] or 0) + 1
  tenants[tenant] = (tenants[tenant] or 0) + common.made_ready
  emit_state(id, tenant, now, 0, nil, common.state)
  return 1, id
end

local reply, accepted = {now}, true
for at = FIRST_JOB, #ARGV, JOB do
  local code, id = submit_one(terms[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
  pass_over(ARGV[at + 4])
  accepted = accepted and code == 1
  reply[#reply + 1], reply[#reply + 2] = code, id
end
flush()
for tenant, new in pairs(claimed) do
  if #new > 0 then
    local key = claims_key(tenant, period)
    in_slices('HSET', key, new)
    redis.call('PEXPIRE', key, 3 * tonumber(ARGV[2]))
  end
end
-- A scheduled job also rings: a consumer that sleeps until later must learn of an earlier time.
if fresh > 0 then
  count('submitted', fresh)
  ring(fresh, none_rung and 0 or nil)
end
commit(now)
return accepted and {now} or reply
