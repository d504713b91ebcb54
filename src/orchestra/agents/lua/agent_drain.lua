-- agent_drain: an agent gets no new tasks, or gets them again
-- args: tenant name id draining
-- flags: allow-oom
-- returns facts, or false when the name is not this agent's (any more)
-- repeats the same
-- cost O(1)

local p, call, tenant, name, id = KEYS[1], redis.call, ARGV[2], ARGV[3], ARGV[4]
local known = call('HGET', p .. 'n:' .. tenant, name)
local old, rev, digest, kind, draining, born = string.match(known or '', '^([^|]*)|(%d+)|([^|]*)|([^|]*)|(%d)|(%d+)$')
if old ~= id then return false end
if draining == ARGV[5] then return known end
local facts = table.concat({old, string.format('%d', rev + 1), digest, kind, ARGV[5], born}, '|')
call('HSET', p .. 'n:' .. tenant, name, facts)
call('INCR', p .. 'rev')
return facts
