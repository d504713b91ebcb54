-- queue_shed: take messages that nobody holds out of a queue that is too long, the oldest first
-- args: queue max
-- prelude: yes
-- flags: allow-oom
-- returns {1, id, body, …}; {-1} there is no such queue
-- repeats takes more
-- cost O(log depth) a message

if not exists() then return {-1} end
local t, out = now(), {1}
local function gone(id)
  local m, n = fetch(id), #out
  out[n + 1], out[n + 2] = id, call('HGET', q .. 'b', id)
  release(m, t)
  forget(id)
  tally('acked', 1)
  return m
end
for _ = 1, tonumber(ARGV[3]) do
  local first = call('ZPOPMIN', q .. 'r')[1]
  if first then
    follow(gone(first).group, t)
  else
    first = call('ZPOPMIN', q .. 'w')[1]                   -- its head is delayed, or held
    if first then
      gone(match(first, '([^%z]*)$'))
    else
      first = call('ZPOPMIN', q .. 'd')[1]
      if not first then break end
      follow(gone(first).group, t)
    end
  end
end
return out
