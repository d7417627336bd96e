#!lua flags=allow-oom
-- Put what a call cost in place of what was reserved for it, and count what it used.
--
-- Input:
--   KEYS      those of keys.budget()
--   --
--   ARGV[1]   now (ms), or '' for the server's clock
--   ARGV[2]   token; a repeat changes nothing
--   ARGV[3]   cost (millionths of a dollar)
--   ARGV[4]   batch id, or ''
--   ARGV[5…]  field and by how much it grows, of calls, reused_calls, input_tokens, cached_tokens, output_tokens,
--             saved, wasted
--
-- Output: 1, or 0 if it was settled before
-- @include budget

local TOLD_MS = 3600000
local now, token = clock(ARGV[1]), ARGV[2]
if not redis.call('SET', PREFIX .. 'told:' .. token, '1', 'NX', 'PX', TOLD_MS) then return 0 end
local amount, day, batch, job = reservation(token)
if amount then
  write(day, batch, job, 'held', -amount)
  redis.call('HDEL', CALLS, token)
  redis.call('ZREM', LEASES, token)
else
  -- It counted as spent when its lease lapsed; that is taken back. What was reused was never reserved.
  local lapsed = redis.call('GETDEL', PREFIX .. 'lapsed:' .. token)
  if lapsed then
    amount, day, batch, job = read(lapsed)
    write(day, batch, job, 'spent', -amount)
  else
    day, batch, job = whole(math.floor(now / DAY_MS)), ARGV[4], ''
  end
end
write(day, batch, job, 'spent', tonumber(ARGV[3]))
for at = 5, #ARGV, 2 do write(day, batch, job, ARGV[at], tonumber(ARGV[at + 1])) end
return 1
