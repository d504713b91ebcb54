-- task_close: a task has ended
-- args: task session state result lives_ms
-- prelude: yes
-- flags: allow-oom
-- returns 1, or 0 when it had ended before or is another's
-- repeats 0
-- cost O(size)

local record = p .. 'dt:' .. ARGV[2]
local r = call('HMGET', record, 's', 'w')
if r[1] ~= 'running' or r[2] ~= ARGV[3] then return 0 end
call('HSET', record, 's', ARGV[4], 'r', ARGV[5])
call('PEXPIRE', record, ARGV[6])
return 1
