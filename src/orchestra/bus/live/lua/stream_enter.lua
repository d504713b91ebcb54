-- stream_enter: a live stream takes its place among those of its tenant and its caller
-- args: stream actor ttl_ms most each
-- flags: allow-oom
-- returns 1; 0 the tenant has most of them; -1 the caller has as many as one may
-- repeats of the same stream: 1, and it counts once
-- cost O(log n)

local p, at, call, fmt = KEYS[1], ARGV[1], redis.call, string.format
local t = call('TIME')
local now = at ~= '' and tonumber(at) or t[1] * 1000 + math.floor(t[2] / 1000)
local all, mine = p .. 'st', p .. 'st:' .. ARGV[3]
call('ZREMRANGEBYSCORE', all, '-inf', fmt('%.0f', now))
call('ZREMRANGEBYSCORE', mine, '-inf', fmt('%.0f', now))
if not call('ZSCORE', all, ARGV[2]) then
  if call('ZCARD', mine) >= tonumber(ARGV[6]) then return -1 end
  if call('ZCARD', all) >= tonumber(ARGV[5]) then return 0 end
end
for _, key in ipairs({all, mine}) do
  call('ZADD', key, fmt('%.0f', now + ARGV[4]), ARGV[2])
  call('PEXPIRE', key, ARGV[4])
end
return 1
