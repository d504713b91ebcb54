-- lease_take: one replica at a time does a job of the registry
-- args: job holder lease_ms
-- returns 1 when the job is this holder's, 0 when it is another's
-- repeats renews
-- cost O(1)

local key = KEYS[1] .. 'lz:' .. ARGV[2]
local held = redis.call('GET', key)
if held and held ~= ARGV[3] then return 0 end
redis.call('SET', key, ARGV[3], 'PX', ARGV[4])
return 1
