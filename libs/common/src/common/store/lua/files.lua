-- Arguments of jobs in a file store (common.files), where a message is "filed": it names the file by its hash and by the
-- time (ms) at which its writer asked for a name. `file:HASH` is that time while jobs hold the file, `filers:HASH` are
-- those jobs, and `files` when each was last looked at. A file that nobody holds is in `leaving`, by when it may go.
--
-- No file goes that a job may come to hold: a new job may hold one that others hold, or one that is younger than
-- FILE_NEW_MS; and none goes before it is FILE_KEPT_MS old, nor sooner after its last holder than FILE_GRACE_MS, in
-- which a server that took over may know of the holder again. A name is never used twice, so that who is late with
-- removing it removes nothing else.
-- First byte of a message that is packed (common.store.packing) or filed.
local PACKED = 1
local FILE_NEW_MS, FILE_KEPT_MS, FILE_GRACE_MS = 600000, 900000, 60000
local FILES, LEAVING = PREFIX .. 'files', PREFIX .. 'leaving'
local function file_key(hash) return PREFIX .. 'file:' .. hash end
local function filers_key(hash) return PREFIX .. 'filers:' .. hash end

-- Splits a filed message: the hash, and the time of the file's name. Nil if it is not filed.
local function split_filed(message)
  if string.byte(message, 1) ~= PACKED then return nil end
  return string.match(message, '^\1file (%x+) %d+ %d+ %d+ (%d+)\n')
end

-- Whether a new job may have this message.
local function may_hold(message, now)
  local hash, made = split_filed(message)
  return not hash or now < tonumber(made) + FILE_NEW_MS or redis.call('EXISTS', file_key(hash)) == 1
end

local function leave_file(hash, made)
  local due = math.max(clock_read('') + FILE_GRACE_MS, tonumber(made) + FILE_KEPT_MS)
  redis.call('ZADD', LEAVING, ms(due), hash .. '-' .. made)
end

-- Holds the file of a filed message; returns the message, which names the file that others hold if there is one.
local function keep_file(id, message, now)
  local hash, made = split_filed(message)
  local held = redis.call('GET', file_key(hash))
  if not held then
    redis.call('SET', file_key(hash), made)
    redis.call('ZREM', LEAVING, hash .. '-' .. made)
  elseif held ~= made then
    message = string.gsub(message, '^(\1file %x+ %d+ %d+ %d+ )%d+\n', '%1' .. held .. '\n')
  end
  redis.call('SADD', filers_key(hash), id)
  redis.call('ZADD', FILES, ms(now), hash)
  return message
end

-- Has a file go that was written for a job, unless it is the one that jobs hold.
local function pass_over(message)
  local hash, made = split_filed(message)
  if hash and redis.call('GET', file_key(hash)) ~= made then leave_file(hash, made) end
end

local function drop_unheld_file(hash)
  if redis.call('EXISTS', filers_key(hash)) == 1 then return end
  local made = redis.call('GET', file_key(hash))
  redis.call('DEL', file_key(hash))
  redis.call('ZREM', FILES, hash)
  if made then leave_file(hash, made) end
end

local function let_go_of_file(id, message)
  local hash = split_filed(message)
  if hash and redis.call('SREM', filers_key(hash), id) == 1 then drop_unheld_file(hash) end
end
