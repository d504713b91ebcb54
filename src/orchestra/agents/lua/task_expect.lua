-- task_expect: an agent will be asked, and may answer later
-- args: task lease session fence keep_ms
-- prelude: yes
-- returns 'ok'
-- repeats the same; an earlier attempt of the task is superseded
-- cost O(1)

local key = p .. 'tk:' .. ARGV[2]
local old = call('HMGET', key, 'l', 'o')
local before = ''
if old[1] and old[1] ~= ARGV[3] then before = string.sub(old[1] .. ' ' .. (old[2] or ''), 1, 512) end
call('DEL', key)
call('HSET', key, 's', 'r', 'l', ARGV[3], 'f', ARGV[5], 'w', ARGV[4], 'o', before)
call('PEXPIRE', key, ARGV[6])
return 'ok'
