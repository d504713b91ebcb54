-- profiles_pack: the profiles of a day that is over become one string, unless some came meanwhile
-- args: name length size packed keep_days
--   name: workflow:day. length, size: of the list and of the string that were read
-- flags: allow-oom
-- returns 1, or 0: it has changed, nothing was done
-- repeats 0
-- cost O(profiles of the day)

local p, call, name = KEYS[1], redis.call, ARGV[2]
local open, packed = p .. 'd:' .. name, p .. 'z:' .. name
if call('LLEN', open) ~= tonumber(ARGV[3]) or call('STRLEN', packed) ~= tonumber(ARGV[4]) then return 0 end
if not call('ZSCORE', p .. 'ix', name) then return 0 end
call('SET', packed, ARGV[5], 'EX', (tonumber(ARGV[6]) + 2) * 86400)
call('UNLINK', open)
local was = tonumber(call('HGET', p .. 'n', name .. ':b') or '0')
call('HINCRBY', p .. 'n', name .. ':b', #ARGV[5] - was)
call('HINCRBY', p .. 'st', 'b', #ARGV[5] - was)
return 1
