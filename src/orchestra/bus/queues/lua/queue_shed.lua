-- queue_shed: take messages that nobody holds out of a queue that is too long, the oldest first
-- args: queue max bytes
-- prelude: yes
-- flags: allow-oom
--   bytes  '' max of them go; else only until no more than so many bytes are left, and dead letters go first: who buried
--          them has told of it
-- returns {1, bytes left, id, body, …} without the dead; {-1} there is no such queue
-- repeats takes more, up to `bytes`
-- cost O(log depth) a message

if not exists() then return {-1} end
local t, out, left, most = now(), {1, 0}, tonumber(ARGV[3]), tonumber(ARGV[4])
local function bytes() return tonumber(call('HGET', q .. 'c', 'bytes')) or 0 end
local function enough() return left == 0 or most and bytes() <= most end
while most and not enough() do
  local id = call('ZPOPMIN', q .. 'z')[1]
  if not id then break end
  call('HDEL', q .. 'e', id)
  forget(id)
  left = left - 1
end
local function gone(id)
  local m, n = fetch(id), #out
  out[n + 1], out[n + 2] = id, call('HGET', q .. 'b', id)
  release(m, t)
  forget(id)
  tally('acked', 1)
  return m
end
while not enough() do
  left = left - 1
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
out[2] = bytes()
return out
