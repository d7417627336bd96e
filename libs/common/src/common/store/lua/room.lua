-- How much memory final jobs take, and how a queue keeps it within its budget.
-- Only `sweep` measures, so that ends of jobs cost nothing more. `measured` holds, by state, the end time (ms) up
-- to which all have been measured; a job's run has its bytes, and the gauge `kept_bytes` their sum.

-- Beside its own keys: a job's places in indexes and in `done` (bytes, about).
local PLACES_BYTES = 250
-- What has just ended stays so long (ms): its end may be repeated, and whoever waited for it reads it.
local JUST_ENDED_MS = 10000
-- The order in which states give way.
local GIVING_WAY = {'SUCCEEDED', 'CANCELLED', 'EXPIRED', 'FAILED'}

local function bytes_of(id)
  local bytes = PLACES_BYTES
  for _, kind in ipairs(OWN_KEYS) do bytes = bytes + (redis.call('MEMORY', 'USAGE', PREFIX .. kind .. id) or 0) end
  local message = redis.call('GETRANGE', job_key(id), 0, HEADER_MAX)
  local hash = string.byte(message, 1) ~= 49 and split_packed((string.gsub(message, '^[^\n]*\n', '')))
  -- What is shared counts for each that shares it.
  return bytes + (hash and redis.call('MEMORY', 'USAGE', blob_key(hash)) or 0)
end

-- Measures up to `most` final jobs of a state. Returns whether some may be left.
local function measure(state, most)
  local key, from = PREFIX .. 'done:' .. state, redis.call('HGET', PREFIX .. 'measured', state) or '-inf'
  -- Of those that ended when the last one did that was measured, some may have come since.
  local size = redis.call('ZCOUNT', key, from, from) + most
  local page = redis.call('ZRANGE', key, from, '+inf', 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
  for at = 1, #page, 2 do
    local brief = brief_of(page[at])
    local run = fields_of(page[at], brief, 'state', 'bytes')
    if run[1] and not run[2] then
      local key, bytes = run_key(page[at]), bytes_of(page[at])
      if brief then redis.call('SET', key, measured_run(brief, bytes)) else redis.call('HSET', key, 'bytes', bytes) end
      gauge('kept_bytes', bytes)
    end
  end
  if #page > 0 then redis.call('HSET', PREFIX .. 'measured', state, page[#page]) end
  return #page == 2 * size
end

-- Measures what is new, and removes the oldest final jobs while all take more than `budget` (bytes), but of no state
-- the last that it keeps at least. Returns how many went, and whether there is more to do.
local function keep_within(budget, now, most)
  local more, removed = false, 0
  for _, state in ipairs(GIVING_WAY) do more = measure(state, most) or more end
  local before = tonumber(redis.call('HGET', COUNTERS, 'kept_bytes') or 0)
  local function is_over() return before + (gauges.kept_bytes or 0) > budget end
  for _, state in ipairs(GIVING_WAY) do
    local least = retention(state)
    while removed < most and is_over() and trim(state, least, now - JUST_ENDED_MS, 1) > 0 do removed = removed + 1 end
  end
  return removed, more or removed == most
end
