#!lua flags=no-writes
-- Read the records of some jobs.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[…]  ids
--
-- Output: for each job its header ('': no such job) and its run record as a flat list.
-- @include queue
-- @include record

local reply = {}
for _, id in ipairs(ARGV) do
  local line = header_line(id)
  reply[#reply + 1] = line or ''
  reply[#reply + 1] = line and run_of(id) or {}
end
return reply
