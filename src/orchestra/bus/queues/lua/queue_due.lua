-- queue_due: which of these queues have something to receive by now
-- args: queue
-- more: "<tenant>:<name>" of each; `queue` says nothing
-- flags: allow-oom
-- returns the names, in their order
-- repeats reads again
-- cost O(1) a queue

local p, at, out = KEYS[1], tonumber(ARGV[1]), {}
if not at then
  local time = redis.call('TIME')
  at = time[1] * 1000 + math.floor(time[2] / 1000)
end
local off = tonumber(redis.call('HGET', p .. 'cur', '@off'))
if off then at = at + off end
for i = 3, #ARGV do
  local q, due = p .. 'mq:' .. ARGV[i] .. ':', redis.call('EXISTS', p .. 'mq:' .. ARGV[i] .. ':r') == 1
  for _, key in ipairs({'d', 'l'}) do
    if not due then
      local first = redis.call('ZRANGE', q .. key, 0, 0, 'WITHSCORES')[2]
      due = first and tonumber(first) <= at
    end
  end
  if due then out[#out + 1] = ARGV[i] end
end
return out
