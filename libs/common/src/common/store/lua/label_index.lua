-- Indexes by label hold only jobs that were submitted after the queue declared the label.

local DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'
-- The clocks of those who make ids may differ from the server's by less than this (ms).
local SKEW_MS = 300000

-- Returns the id above which the index of a name holds every match; false if the label is not declared, nil if the
-- name is no label's. Ids begin with a code of the queue, and ten digits of the time.
local function label_floor(name, tenant)
  local key = string.match(name, '^label:([^=]+)=')
  if not key then return nil end
  local since = redis.call('HGET', CONFIG, 'indexed:' .. key)
  local some = since and redis.call('ZRANGE', type_keys(tenant)[1] or '', 0, 0)[1]
  if not some then return false end
  local time, digits = tonumber(since) + SKEW_MS, {}
  for place = 10, 1, -1 do
    digits[place] = string.sub(DIGITS, time % 32 + 1, time % 32 + 1)
    time = math.floor(time / 32)
  end
  return string.match(some, '^.*%-') .. table.concat(digits)
end
