#!lua flags=allow-oom
-- Note what became of members. A repeat, and what is older than what is known, changes nothing.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  now (ms), or '' for the server's clock
--   then for each move 6 values:
--     tenant, batch, job id, the number of the move, state (PENDING: it was retried), what the job has paid by now
--
-- Output: tenant and id, a tab between them, of batches for which something is to be done now
-- @include queue
-- @include batch

local now = clock(ARGV[1])
local batches, order = {}, {}
local function batch_of(tenant, id)
  local name = tenant .. '\t' .. id
  if batches[name] == nil then
    batches[name] = load_batch(tenant, id) or false
    if batches[name] then order[#order + 1] = name end
  end
  return batches[name]
end

for at = 2, #ARGV, 6 do
  local tenant, id, job = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local number, letter, paid = tonumber(ARGV[at + 3]), LETTERS_OF[ARGV[at + 4]], ARGV[at + 5]
  local b = batch_of(tenant, id)
  local kept = b and redis.call('HGET', members_key(tenant, id), job)
  if kept then
    local from, last, before = split_kept(kept)
    -- It is to be retried still, whatever else is heard of it.
    if string.upper(from) == letter then letter = from end
    if number > last or (number == last and (from == 'W' or from == 'L')) then
      redis.call('HSET', members_key(tenant, id), job, letter .. spell(number) .. (paid ~= '' and '\t' .. paid or ''))
      recount(b, from, letter, before, paid)
      b.moved = true
    end
  end
end
local due = {}
for _, name in ipairs(order) do
  if batches[name].moved then save_batch(batches[name], now) end
  local score = tonumber(redis.call('ZSCORE', DUE, name) or 'inf')
  if score <= now then due[#due + 1] = name end
end
commit(now)
return due
