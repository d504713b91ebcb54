-- stream_stay: these live streams go on
-- args: ttl_ms
-- more: stream, actor, …
-- flags: allow-oom
-- returns 1
-- repeats set the same
-- cost O(streams)

local p, at, call, fmt = KEYS[1], ARGV[1], redis.call, string.format
local t = call('TIME')
local now = at ~= '' and tonumber(at) or t[1] * 1000 + math.floor(t[2] / 1000)
for i = 3, #ARGV, 2 do
  for _, key in ipairs({p .. 'st', p .. 'st:' .. ARGV[i + 1]}) do
    call('ZADD', key, fmt('%.0f', now + ARGV[2]), ARGV[i])
    call('PEXPIRE', key, ARGV[2])
  end
end
return 1
