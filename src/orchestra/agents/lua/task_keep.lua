-- task_keep: the replica that runs a task lives
-- args: task session alive_ms
-- prelude: yes
-- flags: allow-oom
-- returns 1 | 2: somebody wants it cancelled | 0: it is not this replica's, or it has ended
-- repeats renews again
-- cost O(1)

local record = p .. 'dt:' .. ARGV[2]
local r = call('HMGET', record, 's', 'w', 'c')
if r[1] ~= 'running' or r[2] ~= ARGV[3] then return 0 end
call('HSET', record, 'u', now + ARGV[4])
return r[3] and 2 or 1
