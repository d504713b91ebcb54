-- budget_reserve: hold money for one call, if every budget it falls under has it
-- args: id amount
-- more: scope, limit and life in seconds of each budget
-- returns {1, '', 0, 0} it is held | {0, scope, left, first} the first budget that has not enough, what it has, and 1 the first time
-- repeats the same id: {1, '', 0, 0}, held once
-- cost O(budgets), at most four
--
-- All in millionths of a USD. What is held counts as spent until it is settled; if it never is, it stays so.

local p, call, amount = KEYS[1], redis.call, tonumber(ARGV[3])
if call('EXISTS', p .. 'r:' .. ARGV[2]) == 1 then return {1, '', 0, 0} end

for i = 4, #ARGV, 3 do
  local left = tonumber(ARGV[i + 1]) - tonumber(call('GET', p .. 's:' .. ARGV[i]) or '0')
  if amount > left then
    local first = call('SET', p .. 't:' .. ARGV[i], 1, 'NX', 'EX', ARGV[i + 2])
    return {0, ARGV[i], left, first and 1 or 0}
  end
end
for i = 4, #ARGV, 3 do
  call('INCRBY', p .. 's:' .. ARGV[i], ARGV[3])
  call('EXPIRE', p .. 's:' .. ARGV[i], ARGV[i + 2])
end
call('SET', p .. 'r:' .. ARGV[2], ARGV[3], 'EX', 172800)
return {1, '', 0, 0}
