-- agent_pardon: somebody changed the agent, or says that it is well: the next task decides
-- args: agent
-- prelude: yes
-- flags: allow-oom
-- returns 1 when it was kept out by its breaker, else 0
-- repeats 0
-- cost O(1)
--
-- A gate that the agent asked for, such as by 429, stays.

local agent = ARGV[2]
local brk = call('HGET', p .. 'brk', agent)
if not brk or string.sub(brk, 1, 1) ~= 'o' then return 0 end
call('HSET', p .. 'brk', agent, 'h' .. string.sub(brk, 2))
call('HDEL', p .. 'gate', agent)
call('SREM', p .. 'open', agent)
call('SPUBLISH', p .. 'free', 1)
return 1
