-- executions_suiting: executions of a tenant in some states, of the next ones in its index
-- args: tenant first last newest states look most
-- prelude: yes
-- flags: no-writes
--   first, last: scores as ZRANGE takes them; newest: 1 when it goes back in time; states: their letters
-- returns {how many were looked at, 1 when there is more, ms and id of the last one looked at, execution, ms, …}; those in archives, too
-- repeats the same, later
-- cost O(look)

local newest, look, most = ARGV[5] == '1', tonumber(ARGV[7]), tonumber(ARGV[8])
local found
if newest then
  found = call('ZRANGE', p .. 'ix:' .. ARGV[2], ARGV[3], ARGV[4], 'BYSCORE', 'REV', 'LIMIT', 0, look, 'WITHSCORES')
else
  found = call('ZRANGE', p .. 'ix:' .. ARGV[2], ARGV[3], ARGV[4], 'BYSCORE', 'LIMIT', 0, look, 'WITHSCORES')
end
local n, out = 0, {0, 0, '0', ''}
for i = 1, #found, 2 do
  if #out - 4 >= 2 * most then break end
  n = n + 1
  local state = call('HGET', p .. 'x:' .. found[i], '@s')
  if not state or string.find(ARGV[6], state, 1, true) then
    out[#out + 1] = found[i]
    out[#out + 1] = fmt('%.0f', found[i + 1])
  end
end
if n > 0 then out[3], out[4] = fmt('%.0f', found[2 * n]), found[2 * n - 1] end
out[1] = n
out[2] = (n == look or 2 * n < #found) and 1 or 0
return out
