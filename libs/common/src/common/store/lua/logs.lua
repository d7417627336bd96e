#!lua flags=no-writes
-- Read a page of a job's log, the oldest line first.
--
-- Input:
--   KEYS[1]  list  "sequence, attempt, number in the attempt, time (ms), level, body", apart by tabs
--   --
--   ARGV[1]  sequence number to go on after; 0: from the oldest that is kept
--   ARGV[2]  most lines
--
-- Output: sequence number of the newest line (0: there is none), then the lines

local head = redis.call('LINDEX', KEYS[1], 0)
if not head then return {0} end
-- Sequence numbers have no gaps, so that a number is a place.
local first = tonumber(string.match(head, '^%d+'))
local from = math.max(0, tonumber(ARGV[1]) - first + 1)
local lines = redis.call('LRANGE', KEYS[1], from, from + ARGV[2] - 1)
table.insert(lines, 1, first + redis.call('LLEN', KEYS[1]) - 1)
return lines
