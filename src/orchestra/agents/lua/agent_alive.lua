-- agent_alive: an agent says that it lives, and how it is
-- args: agent alive_ms said
-- prelude: yes
-- flags: allow-oom
-- returns 1, or 0 when the pool does not have it
-- repeats renews again; never shortens
-- cost O(log agents)

local agent = ARGV[2]
if call('HEXISTS', p .. 'conf', agent) == 0 then return 0 end
call('ZADD', p .. 'hb', 'GT', now + ARGV[3], agent)
if ARGV[4] ~= '' then call('HSET', p .. 'said', agent, now .. '|' .. ARGV[4]) end
if call('HEXISTS', p .. 'st', agent) == 0 then tell('agent.healthy', agent, {reason = 'it is heard for the first time'}) end
back(agent)
return 1
