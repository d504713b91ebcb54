-- agent_put: make an agent pickable in its pool, or change how
-- args: agent max weight tier rpm tpm alive_ms push fresh
-- more: one capability an argument; without any the agent may be asked for anything
-- prelude: yes
-- returns 'ok'
-- repeats the same; slots in use, latency and breaker are kept; `fresh` 0 leaves its time to live as it is, 2 also that it has none yet
-- cost O(log agents + capabilities)

local agent, text, push = ARGV[2], table.concat(ARGV, ':', 3, 7), ARGV[9] == '1'
local c, names = conf(text), {}
if not c or c.max < 1 or c.weight < 1 or c.tier > 15 then return redis.error_reply('CONF out of range') end
for i = 11, #ARGV do names[#names + 1] = ARGV[i] end
if #names == 0 then names[1] = '*' end
for name in string.gmatch(call('HGET', p .. 'caps', agent) or '', '[^\n]+') do call('SREM', p .. 'cap:' .. name, agent) end
for _, name in ipairs(names) do call('SADD', p .. 'cap:' .. name, agent) end
call('HSET', p .. 'caps', agent, table.concat(names, '\n'))
local new = call('HSET', p .. 'conf', agent, text) == 1
if push then call('HSET', p .. 'ttl', agent, ARGV[8]) else call('HDEL', p .. 'ttl', agent) end
if ARGV[10] == '1' or not push then
  call('ZADD', p .. 'hb', now + ARGV[8], agent)
elseif ARGV[10] == '0' then
  call('ZADD', p .. 'hb', 'NX', now + ARGV[8], agent)
end
rescore(agent, number('inf', agent), c, tonumber(call('ZSCORE', p .. 'load', agent) or '0') % LOAD)
if new then
  for _, key in ipairs({'ev', 'watch', 'st'}) do call('PERSIST', p .. key) end
  call('SREM', p .. 'dr', agent)
  call('HDEL', p .. 'st', agent)
  if ARGV[10] ~= '2' then tell('agent.healthy', agent, {reason = 'it may be picked'}) end
elseif ARGV[10] == '1' or not push then
  back(agent)
end
return 'ok'
