-- reader_window: these events are with a client until it acknowledges them
-- args: name token lease_ms
-- more: key of a stream, position behind what was given out, …
-- returns 1; 0 somebody else has them now
-- repeats set the same
-- cost O(streams)

local p, at, call, fmt = KEYS[1], ARGV[1], redis.call, string.format
local t = call('TIME')
local now = at ~= '' and tonumber(at) or t[1] * 1000 + math.floor(t[2] / 1000)
local name, own = ARGV[2], p .. 'own:' .. ARGV[2]
local h = call('HMGET', own, 'n', 's')
if (h[1] or '') .. '.' .. (h[2] or '') ~= ARGV[3] then return 0 end
call('DEL', p .. 'win:' .. name)
call('HSET', p .. 'win:' .. name, '@', ARGV[3])
for i = 5, #ARGV, 2 do call('HSET', p .. 'win:' .. name, ARGV[i], ARGV[i + 1]) end
call('HSET', own, 'u', fmt('%.0f', now + ARGV[4]))
return 1
