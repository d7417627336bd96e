#!lua
-- Record how far leased jobs have come, keep finished parts of their results, and tell the watchers. A batch; each
-- report is fenced by its own lease member.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   then for each report 5 values, those of one job in the order in which they were made:
--     member "id/attempt", progress as JSON or '', name of the part or '', media type of the part, the part
--
-- Output, for each report:
--   1  recorded
--   2  recorded, and the job is asked to stop
--   0  stale: another attempt holds the job, or it is final
-- @include queue
-- @include record
-- @include parts

local members = {}
for at = 2, #ARGV, 5 do members[#members + 1] = ARGV[at] end
local held = redis.call('ZMSCORE', LEASES, unpack(members))
local asked = redis.call('EXISTS', CANCELLING) == 1 and redis.call('SMISMEMBER', CANCELLING, unpack(members)) or {}
local now = clock(ARGV[1])

local keys = {}
for place, member in ipairs(members) do keys[place] = run_key(string.match(member, '^(.*)/%d+$')) end
local briefs = redis.call('MGET', unpack(keys))

-- What is known of each job, by its member, and what its record is to hold in the end.
local jobs, order = {}, {}
local function job_of(place)
  local member = members[place]
  local job = jobs[member]
  if not job then
    local id, attempt = split_member(member)
    local brief = briefs[place]
    local tenant = fields_of(id, brief, 'tenant')[1] or DEFAULT_TENANT
    job = {id = id, attempt = attempt, reports = 0, tenant = tenant, brief = brief}
    jobs[member], order[#order + 1] = job, job
  end
  return job
end

-- A part is told by an entry of its own, whose id is that of the part's version; what was told before it stands before
-- it.
local function keep_part(job, name, media, data)
  if #lines > 0 then append_events(table.concat(lines, '\n')) end
  lines, told_at = {}, nil
  local key, at = PREFIX .. 'parts:' .. job.id, ms(now)
  local entry = append_events(table.concat({'M', job.id, at, job.attempt, name, media, shown(job.tenant)}, '\t'))
  local before = redis.call('HGET', key, name)
  redis.call('HSET', key, name, table.concat({job.attempt, at, media, entry}, '\t') .. '\n' .. data)
  if before then
    give_way(job.id, before)
    drop_former(#before)
  end
end

local reply = {}
for place, member in ipairs(members) do
  if not held[place] then
    reply[place] = 0
  else
    local at = 5 * place - 3
    local job, progress, name, media = job_of(place), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    job.reports = job.reports + 1
    if progress ~= '' then
      job.progress = progress
      lines[#lines + 1] = 'P\t' .. job.id .. '\t' .. told(now) .. '\t' .. job.attempt .. '\t' .. progress .. '\t'
        .. shown(job.tenant)
    end
    if name ~= '' then keep_part(job, name, media, ARGV[at + 4]) end
    reply[place] = asked[place] == 1 and 2 or 1
  end
end
for _, job in ipairs(order) do
  local written = {'updated', ms(now)}
  if job.progress then written[3], written[4] = 'progress', job.progress end
  if job.brief then written[#written + 1], written[#written + 2] = 'revision', job.reports end
  unfold(job.id, job.brief, unpack(written))
  if not job.brief then redis.call('HINCRBY', run_key(job.id), 'revision', job.reports) end
end
commit(now)
return reply
