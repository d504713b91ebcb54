-- agent_mode: an agent gets no new tasks, or gets them again
-- args: tenant name id mode at_ms
-- prelude: yes
-- flags: allow-oom
-- returns facts, or false when the name is not this agent's (any more)
-- repeats the same
-- cost O(1)
--
-- mode 0 at work, 1 draining, 2 disabled. It is no part of the registration, so the revision stays.

local tenant, name, id, mode = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local known = call('HGET', p .. 'n:' .. tenant, name)
local old, rev, digest, kind, was, born = match(known or '', '^([^|]*)|(%d+)|([^|]*)|([^|]*)|(%d)|(%d+)')
if old ~= id then return false end
if mode == was then return known end
local facts = table.concat({old, rev, digest, kind, mode, born, ARGV[6]}, '|')
call('HSET', p .. 'n:' .. tenant, name, facts)
call('INCR', p .. 'rev')
if mode ~= '0' then
  tell_of(tenant, 'agent.draining', id, {name = name, agent_type = kind, disabled = mode == '2'})
end
return facts
