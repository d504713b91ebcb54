-- stream_leave: a live stream has ended
-- args: stream actor
-- flags: allow-oom
-- returns 1
-- repeats: 1
-- cost O(log n)

local p, call = KEYS[1], redis.call
call('ZREM', p .. 'st', ARGV[2])
call('ZREM', p .. 'st:' .. ARGV[3], ARGV[2])
return 1
