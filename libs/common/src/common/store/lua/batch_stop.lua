#!lua flags=allow-oom
-- Cancel members of a batch that wait in a queue, and those that run too if asked: a page of them.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  tenant
--   ARGV[3]  batch
--   ARGV[4]  id after which to go on, or '' to begin
--   ARGV[5]  most members to look at
--   ARGV[6]  '1' to stop those that run, too
--   ARGV[7]  channel on which workers hear of it
--
-- Output: the last id looked at, '' if there are no more
-- @include queue
-- @include record
-- @include ready
-- @include final
-- @include cancel_one

local now = clock(ARGV[1])
local after, most = ARGV[4] == '' and '-' or '(' .. ARGV[4], tonumber(ARGV[5])
local page = redis.call('ZRANGE', index_key(ARGV[2], 'batch=' .. ARGV[3]), after, '+', 'BYLEX', 'LIMIT', 0, most)
for _, id in ipairs(page) do
  local fields = header_of(id)
  if fields and (ARGV[6] == '1' or run_fields(id, 'state')[1] ~= 'RUNNING') then cancel_one(id, fields, now, ARGV[7]) end
end
commit(now)
return #page == most and page[most] or ''
