-- task_end: the result of an attempt; the first one counts
-- args: task lease fence seq result
-- prelude: yes
-- flags: allow-oom
-- returns {'ok', session that waits} | {'repeat'} | {'done'} | {'cancel'} | {'lost'} | {'superseded'} | {'refused'} | {'gone'}
-- repeats {'repeat'}; another `seq` after the end is {'done'}
-- cost O(log attempts + size)

local task, lease, seq = ARGV[2], ARGV[3], tonumber(ARGV[5])
local a, why = attempt(task, lease, ARGV[4])
if not a then return {why} end
if a.s == 'd' then return {(not seq or seq <= a.n) and 'repeat' or 'done'} end
if seq and seq <= a.n then return {'repeat'} end
if a.s ~= 'r' then return {({x = 'cancel', l = 'lost', q = 'refused'})[a.s]} end
local key = p .. 'tk:' .. task
call('HSET', key, 's', 'd', 'n', seq or -1)
call('PEXPIRE', key, 900000)
call('ZREM', p .. 'tl', task)
mail(a.w, 'd', lease, ARGV[6])
return {'ok', a.w}
