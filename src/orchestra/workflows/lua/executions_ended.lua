-- executions_ended: executions that ended behind an instant, whole milliseconds of them, with their tenants
-- args: after max
-- prelude: yes
-- returns {the millisecond up to which nothing is missing, 1 when there is more, execution, tenant, ms, …}; '' for a tenant: it is archived
-- repeats the same, or more
-- cost O(max)

local t, after = now(), tonumber(ARGV[2])
local found = call('ZRANGEBYSCORE', p .. 'fin', fmt('(%.0f', after), fmt('(%.0f', t), 'WITHSCORES', 'LIMIT', 0, ARGV[3])
local n, until_ms, more = #found, t - 1, 0
if n >= 2 * tonumber(ARGV[3]) then                        -- a full page: its last millisecond may go on behind it
  until_ms, more = tonumber(found[n]), 1
  if until_ms == tonumber(found[2]) then
    found = call('ZRANGEBYSCORE', p .. 'fin', fmt('%.0f', until_ms), fmt('%.0f', until_ms), 'WITHSCORES')
    n = #found
  else
    while tonumber(found[n]) == until_ms do n = n - 2 end
    until_ms = tonumber(found[n])
  end
end
local out = {fmt('%.0f', math.max(until_ms, after)), more}
for i = 1, n, 2 do
  local m = #out
  out[m + 1], out[m + 2] = found[i], call('HGET', p .. 'x:' .. found[i], '@t') or ''
  out[m + 3] = fmt('%.0f', found[i + 1])
end
return out
