#!lua flags=allow-oom
-- End a call that brought no answer: it was not sent, was refused, or failed.
--
-- Input:
--   KEYS      those of ProviderKeys.all()
--   --
--   ARGV[1]   now (ms), or '' for the server's clock
--   ARGV[2]   token; of a call that still waits, it leaves the line
--   ARGV[3]   error class; '' if it was never sent, 'STOPPED' if its caller was told to stop
--   ARGV[4]   '1' if failures of this kind speak against the provider
--   ARGV[5]   how long the provider asked to wait (ms), or ''
--   ARGV[6]   when it will answer again, in ms from now, or ''
--   ARGV[7]   fingerprint of the key that it was sent with
--   ARGV[8…]  limit, remaining and period (ms) of requests, then of tokens; '' where not told
--
-- Output: 1, or 0 if the call was not under way any more; failures in a row; until when the circuit is open (ms), or '';
-- how often others were answered between two failures of this request, 0 if they were not just now
-- @include provider
-- @include provider_circuit
-- @include provider_told

-- Pauses after refusals that name no time: doubled each time, up to the most.
local PAUSE_MS, PAUSE_MAX_MS = 1000, 60000

-- Failures of a request so close together are one: it is asked for twice. They are remembered for a day.
local TOGETHER_MS, REMEMBERED_MS = 5000, 86400000
-- Notes that a request failed, with how many others had been answered by then.
local function own_failures(now, id)
  local key, answered = PREFIX .. 'fault:' .. id, num('answered', 0)
  local times, before, at = string.match(redis.call('GET', key) or '', '^(%d+)|(%d+)|(%d+)$')
  times, at = tonumber(times or 0), tonumber(at or 0)
  if before and answered > tonumber(before) then times, at = times + 1, now end
  redis.call('SET', key, table.concat({exact(times), exact(answered), exact(at)}, '|'), 'PX', REMEMBERED_MS)
  return now - at <= TOGETHER_MS and times or 0
end

load_state()
local now, own = clock(ARGV[1]), 0
local token, class = ARGV[2], ARGV[3]
local left = leave(token, true)
fill(now)
local granted_at, parts = end_call(now, token, class == '' and {0, 0, 0, 0} or nil, {unpack(ARGV, 8, 13)})
if granted_at then
  if class == '' then
    for place, dimension in ipairs(DIMENSIONS) do
      put('sum:' .. dimension, num('sum:' .. dimension, 0) - tonumber(parts[2 + 2 * place]))
    end
    put('granted', num('granted', 0) - 1)
  elseif class == 'RATE_LIMITED' then
    local pauses = num('pauses', 0) + 1
    put('pauses', pauses)
    put('refused', num('refused', 0) + 1)
    local pause = tonumber(ARGV[5]) or math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ^ math.min(10, pauses - 1))
    put('pause_until', math.max(num('pause_until', 0), now + pause))
    put('back_at', math.max(num('back_at', -1e15), num('pause_until')))
    fly_less(now)
  elseif ARGV[4] == '1' then
    put('failed', num('failed', 0) + 1)
    if num('failures', 0) == 0 and (state.circuit or 'CLOSED') == 'CLOSED' then put('flight_was', flight_now()) end
    fly_less(now)
    if class ~= 'QUOTA_EXHAUSTED' and class ~= 'AUTHENTICATION' then own = own_failures(now, parts[1]) end
    circuit_went_wrong(now, token, granted_at, class, tonumber(ARGV[6]) or tonumber(ARGV[5]), ARGV[7])
  elseif class ~= 'STOPPED' then
    -- It answered, if only to say no: nothing is wrong with the provider.
    circuit_went_well(now, token)
  end
end
save_buckets(now)
save_state()
local open_until = state.circuit == 'OPEN' and state.circuit_until or ''
return {(granted_at or left) and 1 or 0, num('failures', 0), open_until, own}
