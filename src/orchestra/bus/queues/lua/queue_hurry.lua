-- queue_hurry: a delayed message is due now
-- args: queue id
-- prelude: yes
-- flags: allow-oom
-- returns {1} it is in line; {0} it is not delayed, or gone; {-1} there is no such queue
-- repeats {0}
-- cost O(log depth)

if not exists() then return {-1} end
local m = fetch(ARGV[3])
if not m or m.s ~= 'd' then return {0} end
call('ZREM', q .. 'd', m.id)
m.due = 0
line_up(m, now())
return {1}
