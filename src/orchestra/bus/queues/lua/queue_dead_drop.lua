-- queue_dead_drop: throw dead letters away
-- args: queue max filter
-- more: ids; none: the oldest ones that suit the filter, at most max of them
-- prelude: yes
-- flags: allow-oom
-- returns {1, how many were thrown away}; {-1} there is no such queue
-- repeats 0 for those that are gone
-- cost O(log dead) each; with a filter all are looked at

if not exists() then return {-1} end
local ids, n = {unpack(ARGV, 5)}, 0
if not ids[1] and ARGV[4] == '' then ids = call('ZRANGE', q .. 'z', 0, ARGV[3] - 1) end
if not ids[1] and ARGV[4] ~= '' then
  local suits = filter(ARGV[4])
  for _, id in ipairs(call('ZRANGE', q .. 'z', 0, -1)) do
    if #ids >= tonumber(ARGV[3]) then break end
    if suits(fetch(id)) then ids[#ids + 1] = id end
  end
end
for _, id in ipairs(ids) do
  if call('ZREM', q .. 'z', id) == 1 then
    call('HDEL', q .. 'e', id)
    forget(id)
    n = n + 1
  end
end
return {1, n}
