-- partition_survey: what instruments say of a partition as it is now
-- args: late_ms
-- prelude: yes
-- flags: no-writes
--   late_ms: so long after the death of a session its steps should have been taken back
-- returns {{tenant, n, "tenant|S", n, …}, {class, ms the oldest of the next in line is ready, …}, steps the dead still hold}
-- repeats the same, later
-- cost O(tenants with live executions + 16 items a class of a queue that holds something; 256 queues at most)

local t, LOOKED = wall(), 16
local oldest, out = {}, {}
local function look(queue, from)                          -- the next in line of one class; the class behind it, or nil
  local items = call('ZRANGE', p .. 'q:' .. queue, from, '+inf', 'BYSCORE', 'LIMIT', 0, LOOKED)
  local first
  for _, item in ipairs(items) do
    local class, _, owner, path = parse(item)
    first = first or class
    if class ~= first then break end
    local state = call('HGET', home(owner, path), path) or ''
    if string.sub(state, 1, 1) == 'q' then
      local since = tonumber(match(state, '@(%d+)$')) or tonumber(call('HGET', p .. 'x:' .. owner, '@c')) or t
      oldest[class] = math.min(oldest[class] or t, since)
    end
  end
  return first and (first + 1) * CLASS
end

for i, queue in ipairs(call('SMEMBERS', p .. 'qn')) do
  if i > 256 then break end
  local from = 0
  while from do from = look(queue, from) end
end
for class, since in pairs(oldest) do
  out[#out + 1] = class
  out[#out + 1] = fmt('%.0f', math.max(t - since, 0))
end
local held, grace = 0, tonumber(call('HGET', p .. 'cur', '@grace') or nil) or 0
if t > grace + tonumber(ARGV[2]) then
  for _, session in ipairs(call('ZRANGE', p .. 'wk', '-inf', t - ARGV[2], 'BYSCORE', 'LIMIT', 0, 64)) do
    held = held + call('SCARD', p .. 'wl:' .. session)
  end
end
return {call('HGETALL', p .. 'live'), out, held}
