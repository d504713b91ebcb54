-- execution_forget: archives that have ended by their TTL leave their tenant's index, too
-- args: max
-- prelude: yes
-- flags: allow-oom
-- returns how many
-- repeats does what is due by then
-- cost O(max)

local due = call('ZRANGEBYSCORE', p .. 'ar', '-inf', now(), 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(due) do
  local tenant, eid = match(entry, '^(%S+) (%S+)$')
  call('ZREM', p .. 'ix:' .. tenant, eid)
  call('ZREM', p .. 'ar', entry)
end
return #due
