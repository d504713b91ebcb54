-- queue_peek: messages as they are, without taking them
-- args: queue state passed max
-- prelude: yes
-- flags: allow-oom
--   state  r ready   w waits for its turn in a group   d delayed   l leased          passed  how many to pass over
-- returns {1, id, class, tries, born, until or 0, group, body, …} in line, {2, …} when there are more than fit;
--   {-1} there is no such queue
-- repeats reads again, and moves what became due by then
-- cost O(log depth + max), about 8 MiB at most

if not exists() then return {-1} end
advance(now())
local out, size, timed = {1}, 0, ARGV[3] == 'd' or ARGV[3] == 'l'
local found = call('ZRANGE', q .. ARGV[3], ARGV[4], ARGV[4] + ARGV[5] - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local m, n = fetch(match(found[i], '([^%z]*)$')), #out
  local body = call('HGET', q .. 'b', m.id)
  size = size + #body
  if size > 8388608 and n > 1 then
    out[1] = 2
    break
  end
  out[n + 1], out[n + 2], out[n + 3], out[n + 4] = m.id, m.class, m.tries, fmt('%.0f', m.born)
  out[n + 5], out[n + 6], out[n + 7] = timed and tonumber(found[i + 1]) < FAR and found[i + 1] or 0, m.group, body
end
return out
