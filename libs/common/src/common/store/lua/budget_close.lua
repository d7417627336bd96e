#!lua flags=allow-oom
-- Count all that an attempt paid as wasted, since it failed; tell what that was.
--
-- Input:
--   KEYS     those of keys.budget()
--   --
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  attempt "id/attempt"
--   ARGV[3]  batch id, or ''
--
-- Output: 1 if calls of it are under way, else 0; then of all its calls: made, reused, tokens in, cached, out, cost, saved
-- and wasted; nothing if it made none
-- @include budget

local FIELDS = {'held', 'calls', 'lapsed', 'reused_calls', 'input_tokens', 'cached_tokens', 'output_tokens', 'spent',
  'saved', 'wasted'}

local now = clock(ARGV[1])
reap(now)
local book, is_known = {}, false
for place, value in ipairs(redis.call('HMGET', attempt_book(ARGV[2]), unpack(FIELDS))) do
  is_known = is_known or value
  book[FIELDS[place]] = tonumber(value or 0)
end
if not is_known then return {} end
local whose = {day = whole(math.floor(now / DAY_MS)), batch = ARGV[3], job = '', attempt = ARGV[2]}
write(whose, 'wasted', book.spent - book.wasted)
return {book.held > 0 and 1 or 0, book.calls + book.lapsed, book.reused_calls, book.input_tokens, book.cached_tokens,
  book.output_tokens, book.spent, book.saved, book.spent}
