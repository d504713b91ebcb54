-- agent_drop: no more picks of an agent; slots in use stay counted until they are released
-- args: agent
-- prelude: yes
-- flags: allow-oom
-- returns how many were dropped: 1 or 0
-- repeats 0
-- cost O(log agents + capabilities)

local agent = ARGV[2]
for name in string.gmatch(call('HGET', p .. 'caps', agent) or '', '[^\n]+') do call('SREM', p .. 'cap:' .. name, agent) end
for _, key in ipairs({'conf', 'caps', 'gate', 'ewma', 'brk', 'rate'}) do call('HDEL', p .. key, agent) end
if number('inf', agent) <= 0 then call('HDEL', p .. 'inf', agent) end
call('SREM', p .. 'open', agent)
call('ZREM', p .. 'hb', agent)
return call('ZREM', p .. 'load', agent)
