-- queue_tell: what instruments say of these queues, and what happened in them since the last call
-- args: queue
-- more: "<tenant>:<name>" of each; `queue` says nothing
-- flags: allow-oom
-- returns for each its messages, its dead letters, ms since the oldest ready one came or 0, and how many more were
--   sent, received, acked, nacked, postponed, expired, dead, redriven
-- repeats nothing happened since
-- cost O(1) a queue

local p, t, out, call = KEYS[1], tonumber(ARGV[1]), {}, redis.call
local kinds = {'sent', 'received', 'acked', 'nacked', 'postponed', 'expired', 'dead', 'redriven'}
if not t then
  local time = call('TIME')
  t = time[1] * 1000 + math.floor(time[2] / 1000)
end
for i = 3, #ARGV do
  local q = p .. 'mq:' .. ARGV[i] .. ':'
  local ready, dead, oldest = call('ZCARD', q .. 'r'), call('ZCARD', q .. 'z'), t
  local first = ready > 0 and call('ZRANGE', q .. 'r', 0, 0)[1]
  if first then oldest = tonumber(string.match(call('HGET', q .. 'f', first), '^%a|%d|%d+|%d+|(%d+)|')) end
  out[#out + 1] = ready + call('ZCARD', q .. 'l') + call('ZCARD', q .. 'd') + call('ZCARD', q .. 'w')
  out[#out + 1], out[#out + 2] = dead, math.max(t - oldest, 0)
  local now, told = call('HMGET', q .. 'n', unpack(kinds)), call('HGET', q .. 'n', '@told')
  local before = told and cmsgpack.unpack(told) or {}
  for j = 1, #kinds do
    now[j] = tonumber(now[j]) or 0
    out[#out + 1] = now[j] - (before[j] or 0)
  end
  local packed = cmsgpack.pack(now)
  if packed ~= told then call('HSET', q .. 'n', '@told', packed) end
end
return out
