-- queue_extend: a worker needs longer
-- args: queue lease_ms
-- more: id token of each
-- prelude: yes
-- flags: allow-oom
--   lease_ms  '' the queue's
-- returns for each 1 leased until lease_ms from now, 0 not held by this receipt
-- repeats extends again
-- cost O(log depth) a message

local t, lease, out = now(), tonumber(ARGV[3]) or tonumber(call('HGET', q .. 'c', 'lease')), {}
for i = 4, #ARGV, 2 do
  local m = held(ARGV[i], ARGV[i + 1])
  if m then call('ZADD', q .. 'l', t + lease, m.id) end
  out[#out + 1] = m and 1 or 0
end
return out
