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
--   ARGV[5]   attempt "id/attempt" of a call that was not reserved, or ''
--   ARGV[6…]  field and by how much it grows, of calls, reused_calls, input_tokens, cached_tokens, output_tokens,
--             saved, wasted
--
-- Output: 1, or 0 if it was settled before
-- @include budget

local TOLD_MS = 3600000
local now, token = clock(ARGV[1]), ARGV[2]
if not redis.call('SET', PREFIX .. 'told:' .. token, '1', 'NX', 'PX', TOLD_MS) then return 0 end
local amount, whose = reservation(token)
if amount then
  write(whose, 'held', -amount)
  redis.call('HDEL', CALLS, token)
  redis.call('ZREM', LEASES, token)
else
  -- What was reused was never reserved.
  amount, whose = unlapse(token)
  whose = whose or {day = whole(math.floor(now / DAY_MS)), batch = ARGV[4], job = '', attempt = ARGV[5]}
end
write(whose, 'spent', tonumber(ARGV[3]))
for at = 6, #ARGV, 2 do write(whose, ARGV[at], tonumber(ARGV[at + 1])) end
return 1
