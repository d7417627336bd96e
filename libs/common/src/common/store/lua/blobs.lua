-- Looks for shared messages and files that nobody holds any more. Who removes a job lets go of them; but an older
-- version that removes one knows of none.
-- Between two looks at one (ms), how many are looked at, and how many of its holders.
local LOOK_EVERY_MS, LOOKED_AT, HOLDERS = 600000, 3, 200

local function look_at(all, those_of, drop, now)
  local old = redis.call('ZRANGE', all, '-inf', ms(now - LOOK_EVERY_MS), 'BYSCORE', 'LIMIT', 0, LOOKED_AT)
  for _, hash in ipairs(old) do
    for _, id in ipairs(redis.call('SRANDMEMBER', those_of(hash), HOLDERS)) do
      if redis.call('EXISTS', job_key(id)) == 0 then redis.call('SREM', those_of(hash), id) end
    end
    redis.call('ZADD', all, ms(now), hash)
    drop(hash)
  end
end

local function look_at_blobs(now)
  look_at(BLOBS, holders_key, drop_unheld, now)
  look_at(PREFIX .. 'files', function(hash) return file_key('filers', hash) end, drop_unheld_file, now)
end
