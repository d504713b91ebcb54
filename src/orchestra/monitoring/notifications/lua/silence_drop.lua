-- silence_drop: forget a silence, and look at every group of the tenant anew
-- args: tenant id now_ms
-- returns 1, or 0 when there was none
-- repeats 0
-- cost O(groups of the tenant), at most 2,000
local p, call = KEYS[1], redis.call
call('ZREM', p .. 'sx:' .. ARGV[2], ARGV[3])
if call('HDEL', p .. 's:' .. ARGV[2], ARGV[3]) == 0 then return 0 end
for _, group in ipairs(call('ZRANGEBYSCORE', p .. 'gx:' .. ARGV[2], ARGV[4], '+inf', 'LIMIT', 0, 2000)) do
  call('ZADD', p .. 'due', 'XX', 'LT', ARGV[4], ARGV[2] .. '|' .. group)
end
return 1
