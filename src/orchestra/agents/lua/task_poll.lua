-- task_poll: a worker of a pull agent lives, has free slots, and takes what is first in the queue
-- args: agent slots lease_ms alive_ms session wait_ms
-- prelude: yes
-- flags: allow-oom
--   work that was accepted must be able to leave; what it writes is bounded by the queue
-- returns {'unknown'} when the pool does not have the agent | {'ok', {task, lease, left_ms, envelope}, …}
--   alive_ms 0: the worker leaves; unless another one polls, too, the agent is late after wait_ms
-- repeats takes other tasks: a lost reply is answered by the lease, which ends
-- cost O(slots log queue)

local agent, slots, session, wait_ms = ARGV[2], tonumber(ARGV[3]), ARGV[6], tonumber(ARGV[7])
local queue, polls = p .. 'tq:' .. agent, p .. 'tp:' .. agent
if call('HEXISTS', p .. 'conf', agent) == 0 then return {'unknown'} end
if ARGV[5] == '0' then
  call('ZADD', p .. 'hb', 'XX', 'LT', now + wait_ms, agent)
  return {'ok'}
end
if call('ZADD', p .. 'hb', 'GT', now + ARGV[5], agent) == 1 then tell('agent.healthy', agent, {reason = 'a worker polls'}) end
back(agent)
lapse()

local taken, left = {'ok'}, 64
while #taken <= slots and left > 0 do
  left = left - 1
  local task = call('ZPOPMIN', queue)[1]
  if not task then break end
  local key = p .. 'tk:' .. task
  local r = call('HMGET', key, 's', 'g', 'u', 'e', 'l')
  if r[1] == 'q' and r[2] == agent and tonumber(r[3]) > now then
    call('HSET', key, 's', 'r')
    call('HDEL', key, 'e')
    call('ZADD', p .. 'tl', now + ARGV[4], task)
    taken[#taken + 1] = {task, r[5], fmt('%.0f', r[3] - now), r[4]}
  end
end
if #taken == 1 and wait_ms > 0 then
  call('ZADD', polls, now + wait_ms, session)
  call('PEXPIRE', polls, 120000)
end
return taken
