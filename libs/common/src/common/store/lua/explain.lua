#!lua flags=no-writes
-- Say what keeps a job from running, from the same facts that fetch obeys.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  id
--   ARGV[3]  tenant of the caller
--
-- Output: '' if there is no such job of this tenant; else its state, now (ms), jobs of its tenant before it,
-- jobs of the whole queue that wait, tenants in line, its priority, jobs of the queue that are leased, how many one
-- worker may run at once or '', then five values for each blocker, in the order in which they bind: kind, value,
-- limit, when it clears (ms) or '', detail.
-- @include queue
-- @include record
-- @include retry_budget
-- @include gates

local id, tenant = ARGV[2], ARGV[3]
local fields = header_of(id)
if not fields or fields[H.tenant] ~= tenant then return '' end
local now = clock_read(ARGV[1])
local f = run_fields(id, 'state', 'run_at', 'reason', 'lost', 'error')
local state = f[1] or first_state(fields)
local rank = redis.call('ZRANK', PREFIX .. 'ready:' .. tenant, id)
local limits = settings()
local reply = {state, ms(now), rank or 0, redis.call('HGET', COUNTERS, 'ready') or '0',
  redis.call('ZCARD', TENANTS), fields[H.priority], redis.call('ZCARD', LEASES), limits[7] or ''}
if state ~= 'PENDING' and state ~= 'SCHEDULED' and state ~= 'RETRYING' then return reply end

local function block(kind, value, limit, clears, detail)
  for _, item in ipairs({kind, value and tostring(value) or '', limit and tostring(limit) or '',
    clears and ms(clears) or '', detail or ''}) do reply[#reply + 1] = item end
end

-- Tenants before one in line, as far as they may take their turn. Looks past the first hundred at none.
local LINE_MAX = 100
local function before_in_line()
  local limited, before = redis.call('HGET', CONFIG, 'limited') == '1', 0
  for _, other in ipairs(redis.call('ZRANGE', TENANTS, 0, LINE_MAX - 1)) do
    if other == tenant then return before end
    local room = 1
    if limited then
      local _, _, gates = tenant_limits(other, now)
      room = narrowest(gates)
    end
    if room > 0 then before = before + 1 end
  end
  return before
end

local run_at = tonumber(f[2] or fields[H.schedule]) or 0
if not rank and run_at > now then
  local kind = state == 'RETRYING' and 'BACKOFF' or state == 'SCHEDULED' and 'RUN_TIME'
    or f[3] == 'SUSPECT' and 'SUSPECT' or 'SNOOZED'
  block(kind, run_at - now, nil, run_at, f[3])
elseif f[3] == 'SUSPECT' and not rank then
  block('SUSPECT', tonumber(f[4] or 0), nil, nil, 'waits for a worker that runs nothing else')
elseif state == 'RETRYING' then
  local left, spent, limit = retry_budget(now)
  if left <= 0 then block('RETRY_BUDGET', spent, limit, (math.floor(now / 60000) + 1) * 60000) end
end
for _, gate in ipairs(queue_gates(now, limits)) do
  if gate[2] <= 0 then block(gate[1], gate[3], gate[4], gate[5]) end
end
local _, _, own = tenant_limits(tenant, now)
for _, gate in ipairs(own) do
  if gate[2] <= 0 then block(gate[1], gate[3], gate[4], gate[5]) end
end
if rank and redis.call('ZSCORE', TENANTS, tenant) then
  local before = before_in_line()
  if before > 0 then block('TENANT_SHARE', before, nil, nil, 'other tenants have their turn first') end
end
if rank and rank > 0 then block('AHEAD_IN_QUEUE', rank, nil, nil) end
return reply
