-- executions_live: executions of a tenant that have not ended, by state
-- args: tenant max
-- returns letter, n, letter, n, …; "+" when more are live in this partition than were looked at
-- repeats the same
-- cost O(live executions of the partition), at most max

local p, call = KEYS[1], redis.call
local found, out = {}, {}
if tonumber(call('HGET', p .. 'live', ARGV[2]) or '0') == 0 then return out end
local live = call('ZRANGE', p .. 'act', 0, ARGV[3])
for i, eid in ipairs(live) do
  if i > tonumber(ARGV[3]) then
    found['+'] = 1
  else
    local x = call('HMGET', p .. 'x:' .. eid, '@s', '@t')
    if x[1] and x[2] == ARGV[2] then found[x[1]] = (found[x[1]] or 0) + 1 end
  end
end
for letter, n in pairs(found) do
  out[#out + 1] = letter
  out[#out + 1] = n
end
return out
