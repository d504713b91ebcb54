-- queue_drop: delete a queue, and with `purge` all that is in it
-- args: queue purge
-- prelude: yes
-- flags: allow-oom
-- returns {1}; {0, messages, dead letters} it is not empty; {-1} there is none
-- repeats {-1}
-- cost O(1): what was in it is freed beside

if not exists() then return {-1} end
local n, dead = depth(), call('ZCARD', q .. 'z')
if n + dead > 0 and ARGV[3] ~= '1' then return {0, n, dead} end
for key in string.gmatch('cbfrldwhzejn', '.') do call('UNLINK', q .. key) end
register('SREM', true)
call('SREM', p .. 'mqj', ARGV[2])
return {1}
