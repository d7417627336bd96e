-- Attempts that failed or were lost: what they paid was wasted, which the books of their tenants, in other slots, are to
-- hear; and what a lost one paid, those books alone know. See common.store.jobs.accounts.
--   ACCOUNTS   zset  "id/attempt" by when it is to be looked at (ms)
--   PAID       hash  "id/attempt" -> what its job counts as paid by it: the fields of PaidUsage, in their order
local ACCOUNTS, PAID = PREFIX .. 'accounts', PREFIX .. 'accounts:paid'
local PLACES_PAID = 9

local function numbers_of(paid)
  local found = {}
  for number in string.gmatch(paid or '', '%d+') do found[#found + 1] = tonumber(number) end
  for place = #found + 1, PLACES_PAID do found[place] = 0 end
  return found
end
local function spelled_paid(numbers)
  local words = {}
  for place, number in ipairs(numbers) do words[place] = string.format('%.0f', number) end
  return table.concat(words, ',')
end
local function open_account(member, now, paid)
  redis.call('ZADD', ACCOUNTS, ms(now), member)
  if paid then redis.call('HSET', PAID, member, paid) end
end
