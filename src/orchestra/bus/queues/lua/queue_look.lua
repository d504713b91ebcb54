-- queue_look: how a queue is set, how many messages are where, and what happened so far
-- args: queue
-- prelude: yes
-- flags: allow-oom
-- returns {made, tries, lost, lease, depth, backoff, spread, ready, in flight, delayed, dead,
--   ms since the oldest ready one came or 0, what, how often, …}; {} there is none. Ready are those, too, that wait for
--   their turn in a group
-- repeats moves what became due by then
-- cost O(log depth), and what became due

if not exists() then return {} end
local t = now()
advance(t)
trim(t)
local out, oldest = call('HMGET', q .. 'c', 'made', 'tries', 'lost', 'lease', 'depth', 'backoff', 'spread'), t
for class = 0, 3 do
  local low, high = fmt('%.0f', class * CLASS), fmt('(%.0f', (class + 1) * CLASS)
  local id = call('ZRANGEBYSCORE', q .. 'r', low, high, 'LIMIT', 0, 1)[1]
  if id then oldest = math.min(oldest, fetch(id).born) end
end
out[7], out[8] = out[7] or '0', call('ZCARD', q .. 'r') + call('ZCARD', q .. 'w')
out[9], out[10], out[11], out[12] = call('ZCARD', q .. 'l'), call('ZCARD', q .. 'd'), call('ZCARD', q .. 'z'), t - oldest
local n = call('HGETALL', q .. 'n')
for i = 1, #n, 2 do
  if n[i] ~= '@told' then out[#out + 1], out[#out + 2] = n[i], n[i + 1] end
end
return out
