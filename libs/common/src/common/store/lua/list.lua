#!lua flags=no-writes
-- Read a page of jobs, newest id first, that meet all conditions.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  id after which to go on, or '' to begin
--   ARGV[2]  most jobs to return
--   ARGV[3]  most jobs to look at
--   ARGV[4…] conditions of three values: record field, operator (=, !=, <, <=, >, >=), value
--
-- Output: the last id looked at ('' when the end was reached), then for each job its id and its
-- record as a flat list. Comparison is of numbers where both sides are numbers.
-- @include queue

local after, want, look = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function meets(record, field, operator, value)
  local held = record[field] or ''
  if operator == '=' then return held == value end
  if operator == '!=' then return held ~= value end
  local a, b = tonumber(held), tonumber(value)
  if not (a and b) then a, b = held, value end
  if operator == '<' then return a < b end
  if operator == '<=' then return a <= b end
  if operator == '>' then return a > b end
  return a >= b
end

local ids = redis.call('ZRANGE', JOBS, after == '' and '+' or '(' .. after, '-', 'BYLEX', 'REV', 'LIMIT', 0, look)
local reply = {''}
for place, id in ipairs(ids) do
  local flat = redis.call('HGETALL', job_key(id))
  local record = {}
  for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end
  local all = #flat > 0
  for i = 4, #ARGV, 3 do all = all and meets(record, ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
  if all then
    reply[#reply + 1] = id
    reply[#reply + 1] = flat
  end
  if #reply >= 1 + 2 * want then
    reply[1] = place < #ids and id or (#ids == look and id or '')
    return reply
  end
end
if #ids == look then reply[1] = ids[#ids] end
return reply
