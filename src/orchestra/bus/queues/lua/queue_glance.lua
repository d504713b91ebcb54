-- queue_glance: whether there is something to receive in these queues of a partition
-- args: queue
-- more: "<tenant>:<name>" of each; `queue` says nothing
-- flags: allow-oom
-- returns for each 1 it is spread, 0 it is not, -1 there is none; ms until something may be received or ''; its messages;
--   how many it may have; and of a module's own its bytes
-- repeats reads again
-- cost O(1) a queue

local p, t, out, call = KEYS[1], tonumber(ARGV[1]), {}, redis.call
if not t then
  local time = call('TIME')
  t = time[1] * 1000 + math.floor(time[2] / 1000)
end
t = t + (tonumber(call('HGET', p .. 'cur', '@off')) or 0)
for i = 3, #ARGV do
  local q, n = p .. 'mq:' .. ARGV[i] .. ':', #out
  local c = call('HMGET', q .. 'c', 'made', 'spread', 'depth', 'bytes')
  out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5] = -1, '', 0, 0, 0
  if c[1] then
    local ready = call('ZCARD', q .. 'r')
    local soon = ready > 0 and 0
    for _, key in ipairs({'d', 'l'}) do
      local due = soon ~= 0 and tonumber(call('ZRANGE', q .. key, 0, 0, 'WITHSCORES')[2])
      if due then soon = math.min(soon or 1e15, math.max(due - t, 0)) end
    end
    out[n + 1], out[n + 2] = c[2] == '1' and 1 or 0, soon or ''
    out[n + 3] = ready + call('ZCARD', q .. 'l') + call('ZCARD', q .. 'd') + call('ZCARD', q .. 'w')
    out[n + 4], out[n + 5] = tonumber(c[3]), tonumber(c[4]) or 0
  end
end
return out
