-- Request ids that are taken: a hash for each tenant and period, as a key for each id would cost twice the memory. Its
-- fields are request ids; a value is the id of the job, a space and the digest of its request. Where one server has all
-- slots, those of all queues are together, and the call is given what their keys begin with; in a cluster, those of a
-- queue are in its slot.
local CLAIMS = KEYS[19]
local function claims_key(tenant, period)
  local prefix = CLAIMS and CLAIMS .. tenant .. '}:' or PREFIX .. 'requests:' .. tenant .. ':'
  return prefix .. string.format('%.0f', period)
end

-- In the place of a claim, in a cluster: jobs with this request id are not taken if it was bound to the queue in this
-- generation, or before.
local function fence(generation) return '- ' .. string.format('%.0f', generation) end
local function fence_of(claim) return tonumber(string.match(claim, '^%- (%d+)$')) end
