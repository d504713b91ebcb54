-- reader_advance: everything up to these positions is handled; and the reader lives
-- args: name token ttl_ms release calm trying
-- more: key of a stream, position in it, …
-- flags: allow-oom
-- returns 1; 0 somebody else reads now. release 1: let go, which is no crash. calm 1: forget the crashes before.
--   trying: the event that is handled next, alone
-- repeats set the same
-- cost O(streams that moved)

local p, at, call, fmt, match = KEYS[1], ARGV[1], redis.call, string.format, string.match
local t = call('TIME')
local now = at ~= '' and tonumber(at) or t[1] * 1000 + math.floor(t[2] / 1000)
local name, own = ARGV[2], p .. 'own:' .. ARGV[2]
local h = call('HMGET', own, 'n', 's')
if (h[1] or '') .. '.' .. (h[2] or '') ~= ARGV[3] then return 0 end
for i = 8, #ARGV, 2 do call('HSET', p .. 'cur:' .. name, ARGV[i], ARGV[i + 1]) end
call('HSET', own, 'u', fmt('%.0f', now + ARGV[4]), 't', ARGV[7])
if ARGV[6] == '1' then call('HSET', own, 'c', 0) end
if ARGV[5] == '1' then call('HSET', own, 's', '', 'u', 0) end
return 1
