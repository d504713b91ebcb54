-- queue_dead_drop: throw dead letters away
-- args: queue max
-- more: ids; none: the oldest max
-- prelude: yes
-- flags: allow-oom
-- returns {1, how many were thrown away}; {-1} there is no such queue
-- repeats 0 for those that are gone
-- cost O(log dead) each

if not exists() then return {-1} end
local ids, n = {unpack(ARGV, 4)}, 0
if not ids[1] then ids = call('ZRANGE', q .. 'z', 0, ARGV[3] - 1) end
for _, id in ipairs(ids) do
  if call('ZREM', q .. 'z', id) == 1 then
    call('HDEL', q .. 'e', id)
    forget(id)
    n = n + 1
  end
end
return {1, n}
