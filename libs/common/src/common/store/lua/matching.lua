-- Evaluates the condition of a list: ARGV from the 6th on, in postfix order.

-- Header fields by their names. Held to common.store.record by a test.
local NAMES = {'v', 'created', 'score', 'schedule', 'expire', 'priority', 'tenant', 'actor', 'type', 'max', 'backoff_min',
  'backoff_max', 'timeout', 'deadline', 'conversation', 'trace', 'batch', 'unique', 'index', 'labels'}

-- One table of all that is known of a job: header, run record, and labels as label:KEY.
local function record_of(header, run)
  local record = {}
  for place, name in ipairs(NAMES) do record[name] = header[place] end
  record.state = first_state(header)
  for i = 1, #run, 2 do record[run[i]] = run[i + 1] end
  if record.labels ~= '' then
    for key, value in pairs(cjson.decode(record.labels)) do record['label:' .. key] = value end
  end
  return record
end

local function meets(record, field, operator, value)
  local held = record[field] or ''
  if operator == '=' then return held == value end
  if operator == '!=' then return held ~= value end
  if operator == 'has' then return held ~= '' end
  local a, b = tonumber(held), tonumber(value)
  if held == '' then return false end
  if not (a and b) then a, b = held, value end
  if operator == '<' then return a < b end
  if operator == '<=' then return a <= b end
  if operator == '>' then return a > b end
  return a >= b
end

-- No condition at all is met by every job.
local function matches(record)
  local stack, at = {}, 6
  while at <= #ARGV do
    local word = ARGV[at]
    if word == 'NOT' then
      stack[#stack] = not stack[#stack]
      at = at + 1
    elseif word == 'AND' or word == 'OR' then
      local b, a = table.remove(stack), table.remove(stack)
      stack[#stack + 1] = (word == 'AND' and a and b) or (word == 'OR' and (a or b)) or false
      at = at + 1
    else
      stack[#stack + 1] = meets(record, word, ARGV[at + 1], ARGV[at + 2])
      at = at + 3
    end
  end
  return #stack == 0 or stack[1]
end
