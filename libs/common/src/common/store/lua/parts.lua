-- Finished parts of results. The stream of events names a part by its name and by the entry that tells of it; its
-- content stands with its job alone, so that it goes with it. A version that gives way to a newer one is kept for
-- watchers until its event is trimmed. `former` holds "entry id", of versions that gave way, by the entry's time (ms).
local FORMER = PREFIX .. 'former'
-- Versions that one call drops at most: more than it adds, so that none is left over for long.
local FORMER_DROPPED = 20

-- The entry that tells of a part as it is kept; nil of one that an older version has written.
local function entry_of(part) return string.match(part, '^[^\t\n]*\t[^\t\n]*\t[^\t\n]*\t(%d+%-%d+)') end

-- Keeps a part that another one takes the place of.
local function give_way(id, part)
  local entry = entry_of(part)
  if not entry then return end
  redis.call('HSET', PREFIX .. 'former:' .. id, entry, part)
  redis.call('ZADD', FORMER, string.match(entry, '^%d+'), entry .. ' ' .. id)
end

-- Drops versions whose events were trimmed; and, as events are, the oldest where there are many or large ones.
local function drop_former(bytes)
  local kept = redis.call('ZCARD', FORMER)
  if kept == 0 then return end
  local over = kept - math.max(EVENTS_LEAST, math.min(EVENTS_KEPT, math.floor(EVENTS_BYTES / math.max(1, bytes))))
  local first = redis.call('XRANGE', EVENTS, '-', '+', 'COUNT', 1)[1]
  local told = first and tonumber(string.match(first[1], '^%d+')) or math.huge
  local rows = redis.call('ZRANGE', FORMER, 0, FORMER_DROPPED - 1, 'WITHSCORES')
  for at = 1, #rows, 2 do
    if (at + 1) / 2 > over and tonumber(rows[at + 1]) >= told then return end
    local entry, id = string.match(rows[at], '^(%S+) (.*)$')
    redis.call('HDEL', PREFIX .. 'former:' .. id, entry)
    redis.call('ZREM', FORMER, rows[at])
  end
end

-- What an attempt has made gives way to what the next one makes.
local function put_parts_by(id)
  local bytes = 0
  for _, part in ipairs(redis.call('HVALS', PREFIX .. 'parts:' .. id)) do
    give_way(id, part)
    bytes = math.max(bytes, #part)
  end
  if bytes == 0 then return end
  redis.call('UNLINK', PREFIX .. 'parts:' .. id)
  drop_former(bytes)
end
