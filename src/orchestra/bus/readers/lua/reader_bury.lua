-- reader_bury: an event nobody could handle goes to the dead letters of its reader
-- args: name token event_id event error tries
-- flags: allow-oom
-- returns 1; 0 somebody else reads now
-- repeats in ten minutes bury it once
-- cost O(1)

local p, at, call = KEYS[1], ARGV[1], redis.call
local name = ARGV[2]
local h = call('HMGET', p .. 'own:' .. name, 'n', 's')
if (h[1] or '') .. '.' .. (h[2] or '') ~= ARGV[3] then return 0 end
if call('SET', p .. 'bd:' .. name .. ':' .. ARGV[4], 1, 'NX', 'PX', 600000) then
  call('XADD', p .. 'dl:c:' .. name, 'MAXLEN', '~', 10000, '*', 'id', ARGV[4], 'e', ARGV[5], 'err', ARGV[6], 'tries', ARGV[7])
end
return 1
