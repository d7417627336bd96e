-- How a job comes to hold what is kept apart of its message, in the server (record.lua) or in a file (files.lua).

-- Keeps what a job shares of a packed message; returns what its record keeps.
local function keep_shared(id, message, now)
  local hash, own, shared = split_packed(message)
  if not hash then return message end
  if redis.call('EXISTS', blob_key(hash)) == 0 then redis.call('SET', blob_key(hash), shared) end
  redis.call('SADD', holders_key(hash), id)
  redis.call('ZADD', BLOBS, ms(now), hash)
  return own
end

-- Whether a new job may have this message: it has no file, or one that others hold, or one that nobody removes yet.
local function may_hold(message, now)
  local hash, made = split_filed(message)
  return not hash or now < tonumber(made) + 600000 or redis.call('EXISTS', file_key('file', hash)) == 1
end

-- Holds the file of a filed message; returns the message, which names the file that others hold if there is one.
local function keep_file(id, message, now)
  local hash, made = split_filed(message)
  local held = redis.call('GET', file_key('file', hash))
  if not held then
    redis.call('SET', file_key('file', hash), made)
    redis.call('ZREM', PREFIX .. 'leaving', hash .. '-' .. made)
  elseif held ~= made then
    message = string.gsub(message, '^(\1file %x+ %d+ %d+ %d+ )%d+\n', '%1' .. held .. '\n')
  end
  redis.call('SADD', file_key('filers', hash), id)
  redis.call('ZADD', PREFIX .. 'files', ms(now), hash)
  return message
end

-- Has a file go that was written for a job, unless it is the one that jobs hold.
local function pass_over(message)
  local hash, made = split_filed(message)
  if hash and redis.call('GET', file_key('file', hash)) ~= made then leave_file(hash, made) end
end

-- Keeps what a job has of a message that is packed or filed; returns what its record keeps, and the record's version.
local function keep_apart(id, message, now)
  if split_filed(message) then return keep_file(id, message, now), '3' end
  return keep_shared(id, message, now), '2'
end

-- What of a message is kept apart from the record.
local function kept_apart(message) return split_packed(message) or split_filed(message) end

-- Puts another message in the place of a job's.
local function replace_message(id, message, now)
  local whole = redis.call('GET', job_key(id))
  local cut = string.find(whole, '\n', 1, true)
  local line, old = string.sub(whole, 1, cut), string.sub(whole, cut + 1)
  local own = message
  if kept_apart(message) then
    local version
    own, version = keep_apart(id, message, now)
    line = version .. string.sub(line, 2)
  end
  redis.call('SET', job_key(id), line .. own)
  if split_packed(old) ~= split_packed(own) or split_filed(old) ~= split_filed(own) then let_go(id, old) end
end
