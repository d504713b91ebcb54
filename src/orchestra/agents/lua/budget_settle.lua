-- budget_settle: replace what was held for a call by what it cost
-- args: id cost
-- more: scope of each budget it was held in
-- flags: allow-oom
-- returns 1, or 0 when it was settled before
-- repeats 0, nothing changes
-- cost O(budgets), at most four

local p, call = KEYS[1], redis.call
local held = call('GETDEL', p .. 'r:' .. ARGV[2])
if not held then return 0 end

local change = string.format('%.0f', tonumber(ARGV[3]) - tonumber(held))
for i = 4, #ARGV do
  local key = p .. 's:' .. ARGV[i]
  if call('EXISTS', key) == 1 then call('INCRBY', key, change) end
end
return 1
