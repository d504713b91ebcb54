-- agent_put: make an agent pickable in its pool, or change how
-- args: agent max weight tier rpm tpm alive_ms fresh
-- more: one capability an argument; without any the agent may be asked for anything
-- prelude: yes
-- returns 'ok'
-- repeats the same; slots in use, latency and breaker are kept; `fresh` 0 leaves its time to live as it is
-- cost O(log agents + capabilities)

local agent, text = ARGV[2], table.concat(ARGV, ':', 3, 7)
local c, names = conf(text), {}
if not c or c.max < 1 or c.weight < 1 or c.tier > 15 then return redis.error_reply('CONF out of range') end
for i = 10, #ARGV do names[#names + 1] = ARGV[i] end
if #names == 0 then names[1] = '*' end
for name in string.gmatch(call('HGET', p .. 'caps', agent) or '', '[^\n]+') do call('SREM', p .. 'cap:' .. name, agent) end
for _, name in ipairs(names) do call('SADD', p .. 'cap:' .. name, agent) end
call('HSET', p .. 'caps', agent, table.concat(names, '\n'))
call('HSET', p .. 'conf', agent, text)
if ARGV[9] == '1' then
  call('ZADD', p .. 'hb', now + ARGV[8], agent)
else
  call('ZADD', p .. 'hb', 'NX', now + ARGV[8], agent)
end
rescore(agent, number('inf', agent), c, tonumber(call('ZSCORE', p .. 'load', agent) or '0') % LOAD)
return 'ok'
