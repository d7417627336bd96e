-- What the scripts of batches share. All batches of a namespace are in one slot: KEYS are those of batch_keys(), a
-- queue without jobs, whose clock and event stream they use.
-- A batch's record is a hash, see common.store.batches.records; its members are a hash of their own:
--   job id -> where it is, the number of its last move, and what it paid: W (not submitted), L1 (submitted),
--   S3<tab>PAID (SUCCEEDED; F, C, X likewise), f3<tab>PAID (FAILED, and to be retried; c, x likewise)
local DUE = PREFIX .. 'due'
local function batch_key(tenant, id) return PREFIX .. 'batch:' .. tenant .. ':' .. id end
local function members_key(tenant, id) return PREFIX .. 'members:' .. tenant .. ':' .. id end
-- Jobs to submit, some an entry; ids of members to retry.
local function plan_key(tenant, id) return PREFIX .. 'plan:' .. tenant .. ':' .. id end
local function again_key(tenant, id) return PREFIX .. 'again:' .. tenant .. ':' .. id end
local function index_of(tenant) return PREFIX .. 'index:' .. tenant end

-- A step that was taken and not ended is taken again after so long; what waits for nothing but its members is looked at
-- as often (ms).
local TAKEN_MS, LOOK_MS = 5000, 60000
local ENDED = {SUCCEEDED = true, FAILED = true, CANCELLED = true}
local LETTERS_OF = {PENDING = 'L', SUCCEEDED = 'S', FAILED = 'F', CANCELLED = 'C', EXPIRED = 'X'}
-- Where members may be; A stands for all that are to be retried.
local PLACES = {'W', 'L', 'S', 'F', 'C', 'X', 'A'}
local PAID_FIELDS = 9

-- Reads a batch: its fields as they are, and its counts as numbers. Nil if there is none.
local function load_batch(tenant, id)
  local flat = redis.call('HGETALL', batch_key(tenant, id))
  if not flat[1] then return nil end
  local b = {tenant = tenant, id = id, f = {}, n = {}, paid = {}}
  for at = 1, #flat, 2 do
    if flat[at + 1] ~= '' then b.f[flat[at]] = flat[at + 1] end
  end
  for _, place in ipairs(PLACES) do b.n[place] = tonumber(b.f[place] or 0) end
  for number in string.gmatch(b.f.paid or '', '%d+') do b.paid[#b.paid + 1] = tonumber(number) end
  for place = #b.paid + 1, PAID_FIELDS do b.paid[place] = 0 end
  return b
end

-- Splits what is kept of a member: where it is, the number of its last move, what it paid.
local function split_kept(kept)
  local letter, number, paid = string.match(kept, '^(%a)(%d*)\t?(.*)$')
  return letter, tonumber(number ~= '' and number or 0), paid
end

-- Counts a member elsewhere; `paid` is what it has paid by now, `before` what was counted of it.
local function recount(b, from, to, before, paid)
  from = string.find(from, '%l') and 'A' or from
  to = string.find(to, '%l') and 'A' or to
  if from ~= to then b.n[from], b.n[to] = b.n[from] - 1, b.n[to] + 1 end
  if paid == before then return end
  local function add(spelled, sign)
    local place = 0
    for number in string.gmatch(spelled, '%d+') do
      place = place + 1
      b.paid[place] = (b.paid[place] or 0) + sign * tonumber(number)
    end
  end
  add(before, -1)
  add(paid, 1)
end

-- More members failed than may.
local function failed_too_often(b)
  local failed, most = b.n.F + b.n.X, tonumber(b.f.most_failed or 'inf')
  if failed > most then return true end
  local share = b.f.open == '1' and 1 or tonumber(b.f.tolerance)
  return failed > share * tonumber(b.f.total)
end

-- The state that follows from the counts, if nothing is to be done any more.
local function ended_state(b)
  if failed_too_often(b) then return 'FAILED' end
  if b.f.halt == 'CALLER' and b.n.W + b.n.C > 0 then return 'CANCELLED' end
  return 'SUCCEEDED'
end

local function spell(number) return string.format('%.0f', number) end

-- Decides the batch's state from its counts, writes it, tells watchers, and says when it is due next.
local function save_batch(b, now, due)
  local f, n = b.f, b.n
  if not f.halt and f.on_failure == 'STOP' and failed_too_often(b) then f.halt, f.halted, due = 'FAILURES', nil, now end
  local halting = f.halt ~= nil
  local left = n.L + (halting and f.halted and 0 or n.A + n.W)
  local before, state = f.state, 'RUNNING'
  if left == 0 and (halting or f.open ~= '1') then
    state = ended_state(b)
  elseif halting and f.halted ~= 'ENDED' then
    state = 'CANCELLING'
  end
  if ENDED[state] and not ENDED[before] then
    f.ended = spell(now)
    due = now + tonumber(f.keep)
    -- A member that is retried by itself from now on is not stopped; and nothing is submitted for it.
    if halting then f.halted = 'ENDED' end
  elseif not ENDED[state] then
    f.ended = nil
    if ENDED[before] then due = due or now end
    -- Members ended, and others may follow.
    if not halting and f.parallel ~= '0' and n.A + n.W > 0 and n.L < tonumber(f.parallel) then due = math.min(due or now, now) end
  end
  f.state, f.updated = state, spell(now)
  local paid = {}
  for place, sum in ipairs(b.paid) do paid[place] = spell(sum) end
  local fields = {'revision', spell(tonumber(f.revision or 0) + 1), 'paid', table.concat(paid, ',')}
  for _, name in ipairs({'state', 'updated', 'ended', 'halt', 'halted', 'held', 'open', 'total', 'cursor', 'queues'}) do
    fields[#fields + 1], fields[#fields + 2] = name, f[name] or ''
  end
  for _, place in ipairs(PLACES) do fields[#fields + 1], fields[#fields + 2] = place, spell(n[place]) end
  redis.call('HSET', batch_key(b.tenant, b.id), unpack(fields))
  if due then redis.call('ZADD', DUE, spell(due), b.tenant .. '\t' .. b.id) end
  if state == before then
    emit_change('U', b.id, b.tenant, now, 0)
  else
    emit_state(b.id, b.tenant, now, 0, before, state)
  end
end
