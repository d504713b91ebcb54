-- task_withdraw: nobody waits for an attempt any more
-- args: task lease idle
-- prelude: yes
-- flags: allow-oom
-- returns its state before: 'q' was not begun, 'r' was running, 'd', 'l', 'x', or '' when it is not there or another's; 'k' is kept
-- repeats 'x'
-- cost O(log queue)
--
-- idle 1: only if it was not begun and its agent polls no more; else it is kept.

local key = p .. 'tk:' .. ARGV[2]
local r = call('HMGET', key, 's', 'l', 'g')
if not r[1] or r[2] ~= ARGV[3] then return '' end
if ARGV[4] == '1' then
  local alive = tonumber(call('ZSCORE', p .. 'hb', r[3] or '') or '0') > now
  if r[1] ~= 'q' or alive then return 'k' end
end
if r[1] == 'q' or r[1] == 'r' then
  call('HSET', key, 's', 'x')
  call('HDEL', key, 'e')
  call('PEXPIRE', key, 900000)
  call('ZREM', p .. 'tl', ARGV[2])
  if r[3] then call('ZREM', p .. 'tq:' .. r[3], ARGV[2]) end
end
return r[1]
