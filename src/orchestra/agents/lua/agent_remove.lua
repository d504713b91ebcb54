-- agent_remove: forget an agent
-- args: tenant name id reason
-- prelude: yes
-- flags: allow-oom
-- returns 1, or 0 when the name is not this agent's (any more)
-- repeats 0
-- cost O(log agents)

local tenant, name, id = ARGV[2], ARGV[3], ARGV[4]
local known = call('HGET', p .. 'n:' .. tenant, name)
local old, kind = match(known or '', '^([^|]*)|%d+|[^|]*|([^|]*)|')
if old ~= id then return 0 end
call('DEL', p .. 'g:' .. tenant .. ':' .. id, p .. 'pt:' .. id)
call('HDEL', p .. 'n:' .. tenant, name)
call('ZREM', p .. 'ix:' .. tenant, id)
if call('HINCRBY', p .. 'ty:' .. tenant, kind, -1) <= 0 then call('HDEL', p .. 'ty:' .. tenant, kind) end
call('INCR', p .. 'rev')
tell_of(tenant, 'agent.removed', id, {name = name, agent_type = kind, reason = ARGV[5]})
return 1
