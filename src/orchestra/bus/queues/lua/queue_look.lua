-- queue_look: how a queue is set, and how many messages are where
-- args: queue
-- prelude: yes
-- flags: allow-oom
-- returns {made, tries, lost, lease, depth, backoff, ready, in flight, delayed, dead, ms since the oldest ready one came or 0};
--   {} there is none. Ready are those, too, that wait for their turn in a group
-- repeats moves what became due by then
-- cost O(log depth), and what became due

if not exists() then return {} end
local t = now()
advance(t)
trim(t)
local out, oldest = call('HMGET', q .. 'c', 'made', 'tries', 'lost', 'lease', 'depth', 'backoff'), t
for class = 0, 3 do
  local low, high = fmt('%.0f', class * CLASS), fmt('(%.0f', (class + 1) * CLASS)
  local id = call('ZRANGEBYSCORE', q .. 'r', low, high, 'LIMIT', 0, 1)[1]
  if id then oldest = math.min(oldest, fetch(id).born) end
end
out[7], out[8], out[9] = call('ZCARD', q .. 'r') + call('ZCARD', q .. 'w'), call('ZCARD', q .. 'l'), call('ZCARD', q .. 'd')
out[10], out[11] = call('ZCARD', q .. 'z'), t - oldest
return out
