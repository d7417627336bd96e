#!lua flags=allow-oom
-- Lease jobs to a worker that can start them now.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  consumer, one thread of one worker
--   ARGV[3]  number of this fetch, counted by the consumer
--   ARGV[4]  most jobs to lease
--   ARGV[5]  lease (ms)
--   ARGV[6]  '1' if this worker runs nothing: it may be given one suspect, to run alone
--   ARGV[7]  worker
--
-- Output: now (ms), ms until something may become ready (-1: nothing is due, -2: more may be ready now), 1 if the queue
-- is paused, jobs of this queue that one worker may run at once (-1: not said), 1 if a suspect waits for this worker
-- to be free, then two values for each leased job: its member "id/attempt", followed by attempts spent and lost (with a
-- minus if it must run alone) if not both are 0, apart by spaces; and its record's header and message, packed if large.
-- A repeated number gets the first reply's jobs again, as far as their leases still run.
-- @include queue
-- @include record
-- @include ready
-- @include final
-- @include retry_budget
-- @include accounts
-- @include reclaim
-- @include gates
-- @include turns
-- @include parts
-- @include take
-- @include lease

-- A function, as a script takes 200 names at its top, and what this one includes takes nearly all of them.
local function fetch_jobs()
  local consumer, number, want, worker = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[7]
  local fetched = PREFIX .. 'fetched:' .. consumer
  local now, last = clock(ARGV[1], fetched)
  local looks_again, suspects, next_lease = reclaim(now)
  local set = settings()
  local gates = queue_gates(now, set)
  local room, narrow = narrowest(gates)
  local more = false
  local reply = {now, -1, gates[1] and gates[1][1] == 'PAUSED' and 1 or 0, tonumber(set[7] or -1), 0}

  if last and string.match(last, '^(%d+) ') == number then
    repeat_fetch(reply, last)
    more = #reply > 5
  elseif want > 0 and room > 0 then
    local members = {}
    if suspects and ARGV[6] == '1' then take_suspect(reply, members, now, worker) end
    more = #members > 0
    if not more then
      take(reply, members, now, math.min(want, room), worker, set[6] == '1')
      more = #members == math.min(want, room)
    end
    if #members > 0 then
      lease(members, now, tonumber(ARGV[5]), set[4], fetched, number)
      next_lease = next_lease and math.min(next_lease, now + tonumber(ARGV[5]))
    end
  end
  if suspects and reply[3] == 0 then reply[5] = suspect_waits(now, worker, tonumber(ARGV[5])) end
  local passed_over = want > 0 and #reply == 5 and narrow and room <= 0 and narrow or nil
  note_reason(passed_over, set[8], now)
  local nearest = not more and nearest_due(looks_again, passed_over, not suspects and set[6] ~= '1' and next_lease)
  if more then reply[2] = -2 elseif nearest then reply[2] = math.max(0, nearest - now) end
  commit(now)
  return reply
end

return fetch_jobs()
