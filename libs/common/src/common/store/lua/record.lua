-- A job's record: its header, which stands before the message and seldom changes, and its run, which is made when
-- the job first moves: brief, one string, while nothing but a first attempt is to be told; else a hash. See
-- common.store.record for the fields of all.
local function job_key(id) return PREFIX .. 'job:' .. id end
local function run_key(id) return PREFIX .. 'run:' .. id end
local function index_key(tenant, name) return PREFIX .. 'index:' .. tenant .. ':' .. name end

-- The run of a first attempt that runs, or has succeeded with nothing else to keep in it: "R" or "S" and its end (ms),
-- start (ms), tenant unless it is the default, worker, usage, and bytes if measured. Many are written at once, by one
-- command for all of them.
local function begun_run(started, tenant, worker)
  return 'R\t' .. ms(started) .. '\t' .. shown(tenant) .. '\t' .. worker
end

-- A brief run that ran, ended.
local function ended_run(brief, now, usage)
  return 'S' .. ms(now) .. string.sub(brief, 2) .. (usage ~= '' and '\t' .. usage or '')
end

-- A brief run that has ended, measured.
local function measured_run(brief, bytes)
  local most, usage = string.match(brief, '^([^\t]*\t[^\t]*\t[^\t]*\t[^\t]*)\t?(.*)$')
  return most .. '\t' .. usage .. '\t' .. bytes
end

local RUNS = 82
local BRIEF = '^([RS])(%d*)\t(%d+)\t([^\t]*)\t([^\t]*)\t?([^\t]*)\t?(%d*)$'

-- Reads a brief run as HGETALL would read the hash that stands for the same.
local function unfolded(brief)
  local state, ended, started, tenant, worker, usage, bytes = string.match(brief, BRIEF)
  if not state then return {} end
  local run = {'state', 'RUNNING', 'attempt', '1', 'started', started, 'worker', worker}
  if tenant ~= '' then run[9], run[10] = 'tenant', tenant end
  if state == 'S' then
    run[2] = 'SUCCEEDED'
    for _, word in ipairs({'spent', '1', 'ended', ended}) do run[#run + 1] = word end
  end
  if usage ~= '' then run[#run + 1], run[#run + 2] = 'usage', usage end
  if bytes ~= '' then run[#run + 1], run[#run + 2] = 'bytes', bytes end
  return run
end

-- A run that is brief; nil if it is none, or there is no run. MGET takes a hash for nothing, where GET fails.
local function brief_of(id) return redis.call('MGET', run_key(id))[1] or nil end

-- Reads a run as HGETALL does.
local function run_of(id)
  local brief = brief_of(id)
  return brief and unfolded(brief) or redis.call('HGETALL', run_key(id))
end

-- Reads some fields of a run, of which is known whether it is `brief`, as HMGET does.
local function fields_of(id, brief, ...)
  if not brief then return redis.call('HMGET', run_key(id), ...) end
  local run, values = unfolded(brief), {}
  for place, field in ipairs({...}) do
    values[place] = false
    for at = 1, #run, 2 do
      if run[at] == field then values[place] = run[at + 1] end
    end
  end
  return values
end

local function run_fields(id, ...) return fields_of(id, brief_of(id), ...) end

-- Makes a run, of which is known whether it is `brief`, a hash, which all fields go into; adds some, as fields and
-- values. Who writes to a run opens it first. Returns its key.
local function unfold(id, brief, ...)
  if brief then
    local run = unfolded(brief)
    for _, word in ipairs({...}) do run[#run + 1] = word end
    redis.call('DEL', run_key(id))
    if run[1] then redis.call('HSET', run_key(id), unpack(run)) end
  elseif select('#', ...) > 0 then
    redis.call('HSET', run_key(id), ...)
  end
  return run_key(id)
end

local function open_run(id) return unfold(id, brief_of(id)) end

-- Every job stands in the index of its type; all of these together hold all jobs of a tenant.
local function types_key(tenant) return PREFIX .. 'types:' .. tenant end
local function type_key(tenant, kind) return index_key(tenant, 'type=' .. kind) end
-- A header leaves the type out when it is GENERIC.
local function kind_of(spelled) return spelled ~= '' and spelled or 'GENERIC' end

-- Places in a header. Held to common.store.record by a test.
local H = {created = 2, score = 3, schedule = 4, expire = 5, priority = 6, tenant = 7, kind = 9, batch = 17, unique = 18, index = 19}
-- A header is no longer than this (bytes).
local HEADER_MAX = 8192

local function header_line(id)
  local head = redis.call('GETRANGE', job_key(id), 0, HEADER_MAX - 1)
  local ends = string.find(head, '\n', 1, true)
  return ends and string.sub(head, 1, ends - 1)
end

-- Reads a header as a list of fields; nil if there is no such job.
local function header_of(id)
  local line = header_line(id)
  if not line then return nil end
  local fields = {}
  for value in string.gmatch(line .. '\t', '([^\t]*)\t') do fields[#fields + 1] = value end
  for place = #fields + 1, 20 do fields[place] = '' end
  if fields[H.tenant] == '' then fields[H.tenant] = DEFAULT_TENANT end
  return fields
end

local function set_header(id, fields)
  local whole = redis.call('GET', job_key(id))
  local line = string.gsub(table.concat(fields, '\t'), '\t+$', '')
  redis.call('SET', job_key(id), line .. string.sub(whole, string.find(whole, '\n', 1, true), -1))
end

-- The state that a job without a run is in.
local function first_state(fields) return fields[H.schedule] ~= '' and 'SCHEDULED' or 'PENDING' end

local function index_names(fields)
  local names = {}
  for name in string.gmatch(fields[H.index], '[^\31]+') do names[#names + 1] = name end
  return names
end

-- Keeps what an attempt was before the run record goes on to the next one.
local ATTEMPTS_KEPT = 50
local function keep_attempt(id, now, outcome, error_json, usage)
  local f = redis.call('HMGET', run_key(id), 'attempt', 'worker', 'started')
  local row = {f[1] or '0', f[2] or '', f[3] or '0', ms(now), outcome, usage or '', error_json or ''}
  redis.call('RPUSH', PREFIX .. 'attempts:' .. id, table.concat(row, '\t'))
  redis.call('LTRIM', PREFIX .. 'attempts:' .. id, -ATTEMPTS_KEPT, -1)
end

-- @include files
-- The version of a packed message's record is 2. What jobs share of it is kept once, under its hash, for as long as one of
-- its holders is there. That of a filed one is 3.
local BLOBS = PREFIX .. 'blobs'
local function blob_key(hash) return PREFIX .. 'blob:' .. hash end
local function holders_key(hash) return PREFIX .. 'holders:' .. hash end

-- Splits a packed message: the hash, what a record keeps, what is shared. Nil if it is not packed.
local function split_packed(message)
  if string.byte(message, 1) ~= PACKED then return nil end
  local line, hash, head, tail = string.match(message, '^(\1zlib (%x+) %d+ (%d+) (%d+)\n)')
  if not line then return nil end
  local own = #line + tonumber(head) + tonumber(tail)
  return hash, string.sub(message, 1, own), string.sub(message, own + 1)
end

-- A message, packed as it came, from what a record keeps of it.
local function with_shared(message)
  local hash, own = split_packed(message)
  return hash and own .. (redis.call('GET', blob_key(hash)) or '') or message
end

local function drop_unheld(hash)
  if redis.call('EXISTS', holders_key(hash)) == 1 then return end
  redis.call('UNLINK', blob_key(hash))
  redis.call('ZREM', BLOBS, hash)
end

local function let_go(id, message)
  local filed, hash = split_filed(message), split_packed(message)
  if filed and redis.call('SREM', file_key('filers', filed), id) == 1 then drop_unheld_file(filed) end
  if hash and redis.call('SREM', holders_key(hash), id) == 1 then drop_unheld(hash) end
end

-- Members of batches that have not ended, with tenant and batch; and what their batches, which are in another slot, are
-- to hear of them, see common.store.batches.ends.
local MEMBERS, ENDS = PREFIX .. 'members', PREFIX .. 'ends'
local FINAL = {SUCCEEDED = true, FAILED = true, CANCELLED = true, EXPIRED = true}
local members_known
local function has_members()
  if members_known == nil then members_known = redis.call('EXISTS', MEMBERS) == 1 end
  return members_known
end

-- What a batch hears of a member: the number grows with each move of the job that matters.
local function member_line(id, of_batch, state)
  local f = run_fields(id, 'attempt', 'revision', 'paid')
  local number = tonumber(f[1] or 0) + tonumber(f[2] or 0)
  return table.concat({of_batch, id, string.format('%.0f', number), state, f[3] or ''}, '\t')
end
local function tell_batches(told)
  if #told > 0 then redis.call('XADD', ENDS, '*', '1', table.concat(told, '\n')) end
end

local OWN_KEYS = {'job:', 'run:', 'result:', 'parts:', 'former:', 'attempts:', 'logs:', 'checkpoint:', 'specs:'}

-- Removes a job that waits nowhere and is leased by no one.
local function delete_job(id)
  local fields = header_of(id)
  if fields then
    local tenant = fields[H.tenant]
    local kind = kind_of(fields[H.kind])
    local of_batch = fields[H.batch] ~= '' and redis.call('HMGET', MEMBERS, id)[1]
    if of_batch then
      redis.call('HDEL', MEMBERS, id)
      tell_batches({member_line(id, of_batch, 'CANCELLED')})
    end
    redis.call('ZREM', type_key(tenant, kind), id)
    for _, name in ipairs(index_names(fields)) do redis.call('ZREM', index_key(tenant, name), id) end
    local run = run_fields(id, 'state', 'bytes')
    if run[1] then redis.call('ZREM', index_key(tenant, 's=' .. run[1]), id) end
    if run[2] then gauge('kept_bytes', -tonumber(run[2])) end
    if fields[H.unique] ~= '' then
      local claim = PREFIX .. 'unique:' .. tenant .. ':' .. fields[H.unique]
      if redis.call('GET', claim) == id then redis.call('DEL', claim) end
    end
    if fields[1] ~= '1' then
      let_go(id, (string.gsub(redis.call('GET', job_key(id)), '^[^\n]*\n', '')))
      for _, former in ipairs(redis.call('LRANGE', PREFIX .. 'specs:' .. id, 0, -1)) do let_go(id, former) end
    end
    if redis.call('EXISTS', type_key(tenant, kind)) == 0 then
      redis.call('SREM', types_key(tenant), kind)
      if redis.call('EXISTS', types_key(tenant)) == 0 then redis.call('SREM', EVERYONE, tenant) end
    end
  end
  local keys = {}
  for place, kind in ipairs(OWN_KEYS) do keys[place] = PREFIX .. kind .. id end
  redis.call('UNLINK', unpack(keys))
end
