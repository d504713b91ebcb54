-- pool_extend: heartbeats that are late since no longer than the window are good for one more ttl
-- args: window_ms
-- prelude: yes
-- flags: allow-oom
-- returns how many were extended
-- repeats extends again
-- cost O(agents with heartbeats)

local n, since = 0, now - ARGV[2]
local ttls = call('HGETALL', p .. 'ttl')
for i = 1, #ttls, 2 do
  local alive = tonumber(call('ZSCORE', p .. 'hb', ttls[i]) or '-1')
  if alive > since and call('ZADD', p .. 'hb', 'GT', 'CH', now + ttls[i + 1], ttls[i]) == 1 then
    back(ttls[i])
    n = n + 1
  end
end
return n
