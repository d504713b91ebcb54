-- hook_probe: an open circuit lets its probe through now
-- args: hook
-- prelude: yes
-- flags: allow-oom
-- returns {1}; {0} it is not open
-- repeats the same
-- cost O(1)

local c = p .. 'wd:' .. ARGV[2] .. ':c'
if call('HGET', c, 'st') ~= 'o' then return {0} end
call('HSET', c, 'till', fmt('%.0f', now()))
return {1}
