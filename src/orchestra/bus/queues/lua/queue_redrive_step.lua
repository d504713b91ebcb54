-- queue_redrive_step: go on with a redrive, as far as its rate allows by now; whoever calls, and however often
-- args: queue max
-- prelude: yes
-- returns {moved by this call, 1 when it goes on, else 0}
-- repeats moves what became due since: the rate is kept by the store, so no replica owns a redrive
-- cost O(log depth) each, at most max

local f = call('HMGET', q .. 'j', 'state', 'mark', 'per_s', 'upto')
if f[1] ~= 'running' then
  call('SREM', p .. 'mqj', ARGV[2])
  return {0, 0}
end
local t, rate, n = now(), tonumber(f[3]) / 1000, 0
local due = math.floor((t - f[2]) * rate)
local may = math.min(due, tonumber(ARGV[3]))
local ids = may > 0 and call('ZRANGEBYSCORE', q .. 'z', '-inf', f[4], 'LIMIT', 0, may) or {}
for _, id in ipairs(ids) do n = n + put_back(id, t) end
-- What could not be moved by now is not caught up with in a burst.
if may > 0 then call('HSET', q .. 'j', 'mark', due > may and t or fmt('%.0f', f[2] + may / rate)) end
call('HINCRBY', q .. 'j', 'moved', n)
if call('ZCOUNT', q .. 'z', '-inf', f[4]) > 0 then return {n, 1} end
call('HSET', q .. 'j', 'state', 'completed', 'ended', t)
call('SREM', p .. 'mqj', ARGV[2])
return {n, 0}
