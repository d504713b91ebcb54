-- queue_dead: a page of the dead letters, the oldest first
-- args: queue after max
-- prelude: yes
-- flags: allow-oom
--   after   '' or the burial behind which to go on
-- returns {1, burial, id, tries, born, died, class, group, why, body, …}; {-1} there is no such queue
-- repeats reads again
-- cost O(log dead + max), about 8 MiB at most

if not exists() then return {-1} end
local low, out, size = ARGV[3] == '' and '-inf' or '(' .. ARGV[3], {1}, 0
local found = call('ZRANGEBYSCORE', q .. 'z', low, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for i = 1, #found, 2 do
  local m, body, n = fetch(found[i]), call('HGET', q .. 'b', found[i]), #out
  size = size + #body
  if size > 8388608 and n > 1 then break end
  out[n + 1], out[n + 2], out[n + 3], out[n + 4] = found[i + 1], m.id, m.tries, fmt('%.0f', m.born)
  out[n + 5], out[n + 6], out[n + 7] = fmt('%.0f', m.due), m.class, m.group
  out[n + 8], out[n + 9] = call('HGET', q .. 'e', m.id) or '', body
end
return out
