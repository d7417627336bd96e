#!lua flags=allow-oom
-- Say which of some files nobody holds, nor may come to hold: those that a crash left, or that were lost from `leaving`.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   then names, "HASH-TIME"
--
-- Output: those names
-- @include queue
-- @include record

local now, strays = clock(ARGV[1]), {}
for place = 2, #ARGV do
  local hash, made = string.match(ARGV[place], '^(%x+)-(%d+)$')
  if hash and now >= tonumber(made) + FILE_KEPT_MS and redis.call('GET', file_key('file', hash)) ~= made
    and not redis.call('ZSCORE', PREFIX .. 'leaving', ARGV[place]) then
    strays[#strays + 1] = ARGV[place]
  end
end
return strays
