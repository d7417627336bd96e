-- The indexes that together hold all jobs of a tenant: one for each type that it has jobs of.
local function type_keys(tenant)
  local keys = redis.call('SMEMBERS', types_key(tenant))
  for place, kind in ipairs(keys) do keys[place] = type_key(tenant, kind) end
  return keys
end
