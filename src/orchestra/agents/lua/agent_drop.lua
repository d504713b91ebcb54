-- agent_drop: no more picks of an agent; slots in use stay counted until they are released
-- args: agent drained
-- prelude: yes
-- flags: allow-oom
-- returns how many were dropped: 1 or 0
-- repeats 0
-- cost O(log agents + capabilities)
--
-- drained 1: it is told when its last slot is free, now or later.

local agent = ARGV[2]
local known, used = call('HEXISTS', p .. 'conf', agent) == 1, number('inf', agent)
for name in string.gmatch(call('HGET', p .. 'caps', agent) or '', '[^\n]+') do call('SREM', p .. 'cap:' .. name, agent) end
for _, key in ipairs({'conf', 'caps', 'gate', 'ewma', 'brk', 'rate', 'ttl', 'said', 'chk', 'st'}) do call('HDEL', p .. key, agent) end
if used <= 0 then call('HDEL', p .. 'inf', agent) end
call('SREM', p .. 'open', agent)
call('ZREM', p .. 'hb', agent)
if ARGV[3] ~= '1' then
  call('SREM', p .. 'dr', agent)
elseif known and used > 0 then
  call('SADD', p .. 'dr', agent)
elseif known then
  tell('agent.drained', agent)
end
local gone = call('ZREM', p .. 'load', agent)
if call('EXISTS', p .. 'load') == 0 then                  -- an empty pool is told of for another day
  for _, key in ipairs({'ev', 'watch', 'st', 'dr'}) do call('EXPIRE', p .. key, 90000) end
end
return gone
