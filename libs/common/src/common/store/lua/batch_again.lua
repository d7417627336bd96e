#!lua
-- Retry members of a batch that did not succeed; what was never submitted, as the batch was stopped, is submitted.
--
-- Input:
--   KEYS     those of batch_keys()
--   ARGV[1]  now (ms), or '' for the server's clock
--   ARGV[2]  tenant
--   ARGV[3]  id
--   ARGV[4]  where the members to retry are, as letters: F, X, C
--
-- Output: a code and the state that it is in now:
--    1  they are retried: how many instead of the state
--    0  there are none
--   -1  there is no such batch
--   -2  it is being stopped
-- @include queue
-- @include batch

local tenant, id = ARGV[2], ARGV[3]
local b = load_batch(tenant, id)
if not b then return {-1, ''} end
if b.f.state == 'CANCELLING' then return {-2, b.f.state} end
local now = clock(ARGV[1])
-- Its members are being removed.
if ENDED[b.f.state] and now >= tonumber(b.f.ended) + tonumber(b.f.keep) then return {-1, ''} end
local again, kept = {}, {}
local all = redis.call('HGETALL', members_key(tenant, id))
for at = 1, #all, 2 do
  local letter = string.sub(all[at + 1], 1, 1)
  if letter ~= 'S' and letter ~= 'L' and string.find(ARGV[4], letter, 1, true) then
    again[#again + 1] = all[at]
    kept[#kept + 1], kept[#kept + 2] = all[at], string.lower(letter) .. string.sub(all[at + 1], 2)
    recount(b, letter, 'A', '', '')
  end
end
local resumed = b.f.halt and b.n.W or 0
if #again + resumed == 0 then return {0, b.f.state} end
in_slices('HSET', members_key(tenant, id), kept)
in_slices('RPUSH', again_key(tenant, id), again)
b.f.halt, b.f.halted = nil, nil
save_batch(b, now, now)
commit(now)
return {1, spell(#again + resumed)}
