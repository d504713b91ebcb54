-- contact_drop: forget a contact
-- args: tenant id
-- returns 1, or 0 when there was none
-- repeats 0
-- cost O(names of the tenant), at most 50
local p, call = KEYS[1], redis.call
local names = p .. 'cn:' .. ARGV[2]
local pairs_of = call('HGETALL', names)
for i = 1, #pairs_of, 2 do
  if pairs_of[i + 1] == ARGV[3] then call('HDEL', names, pairs_of[i]) end
end
return call('HDEL', p .. 'c:' .. ARGV[2], ARGV[3])
