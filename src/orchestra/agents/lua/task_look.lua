-- task_look: how a task stands; one whose replica is gone has failed
-- args: task tenant stop lives_ms
-- prelude: yes
-- flags: allow-oom
-- returns {} when it is not there, or another tenant's | {state, session, at, result}
-- repeats the same; stop 1 asks the replica that runs it to cancel it
-- cost O(size)

local record = p .. 'dt:' .. ARGV[2]
local r = call('HMGET', record, 't', 's', 'w', 'u', 'at', 'r')
if r[1] ~= ARGV[3] then return {} end
if r[2] == 'running' and tonumber(r[4]) < now then
  r[2] = 'lost'
  call('HSET', record, 's', 'lost')
  call('PEXPIRE', record, ARGV[5])
elseif r[2] == 'running' and ARGV[4] == '1' then
  call('HSET', record, 'c', '1')
end
return {r[2], r[3], r[5], r[6] or ''}
