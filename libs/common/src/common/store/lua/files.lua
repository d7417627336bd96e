-- Arguments of jobs in a file store (common.files), where a message is "filed": it names the file by its hash and by
-- the time (ms) at which its writer asked for a name. `file:HASH` is that time while jobs hold the file, `filers:HASH` are
-- those jobs, and `files` when each was last looked at. A file that nobody holds is in `leaving`, by when it may go.
--
-- No file goes that a job may come to hold: a new job may hold one that others hold, or one that is younger than ten
-- minutes (messages.lua); and none goes before it is FILE_KEPT_MS old, nor sooner after its last holder than a minute, in
-- which a server that took over may know of the holder again. A name is never used twice, so that who is late with
-- removing it removes nothing else.

-- First byte of a message that is packed (common.store.packing) or filed.
local PACKED = 1
local FILE_KEPT_MS = 900000

-- The key "file" or "filers" of a hash.
local function file_key(kind, hash) return PREFIX .. kind .. ':' .. hash end

-- Splits a filed message: the hash, and the time of the file's name. Nil if it is not filed.
local function split_filed(message)
  if string.byte(message, 1) ~= PACKED then return nil end
  return string.match(message, '^\1file (%x+) %d+ %d+ %d+ (%d+)\n')
end

local function leave_file(hash, made)
  local due = math.max(clock_read('') + 60000, tonumber(made) + FILE_KEPT_MS)
  redis.call('ZADD', PREFIX .. 'leaving', ms(due), hash .. '-' .. made)
end

local function drop_unheld_file(hash)
  if redis.call('EXISTS', file_key('filers', hash)) == 1 then return end
  local made = redis.call('GET', file_key('file', hash))
  redis.call('DEL', file_key('file', hash))
  redis.call('ZREM', PREFIX .. 'files', hash)
  if made then leave_file(hash, made) end
end
