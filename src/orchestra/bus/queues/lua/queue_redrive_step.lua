-- queue_redrive_step: go on with a redrive, as far as its rate allows by now; whoever calls, and however often
-- args: queue max
-- prelude: yes
-- returns {moved by this call, 1 when it goes on, else 0}
-- repeats moves what became due since: the rate is kept by the store, so no replica owns a redrive
-- cost O(log depth) each, at most max; with a filter 2,000 are looked at

local f = call('HMGET', q .. 'j', 'state', 'mark', 'per_s', 'upto', 'filter', 'at')
if f[1] ~= 'running' then
  call('SREM', p .. 'mqj', ARGV[2])
  return {0, 0}
end
local t, rate, n, last = now(), tonumber(f[3]) / 1000, 0, f[6]
local due = math.floor((t - f[2]) * rate)
local may = math.min(due, tonumber(ARGV[3]))
if may <= 0 then return {0, 1} end
local suits, look = filter(f[5]), f[5] == '' and may or LOOKED
local found = call('ZRANGEBYSCORE', q .. 'z', '(' .. last, f[4], 'WITHSCORES', 'LIMIT', 0, look)
for i = 1, #found, 2 do
  if n == may then break end
  if suits(fetch(found[i])) then n = n + put_back(found[i], t) end
  last = found[i + 1]
end
tally('redriven', n)
-- What could not be moved by now is not caught up with in a burst.
call('HSET', q .. 'j', 'at', last, 'mark', n < due and t or fmt('%.3f', f[2] + n / rate))
call('HINCRBY', q .. 'j', 'moved', n)
if call('ZCOUNT', q .. 'z', '(' .. last, f[4]) > 0 then return {n, 1} end
call('HSET', q .. 'j', 'state', 'completed', 'ended', t)
call('SREM', p .. 'mqj', ARGV[2])
return {n, 0}
