-- endpoint_drop: forget an endpoint
--
-- KEYS[1] prefix  of the webhooks
-- args: tenant id
--
-- returns  1 gone, 0 there was none
-- repeats  0
-- cost     O(1)
local p, tenant = KEYS[1], ARGV[2]
if redis.call('HDEL', p .. 'e:' .. tenant, ARGV[3]) == 0 then
  return 0
end
redis.call('HINCRBY', p .. 'rev', tenant, 1)
redis.call('SPUBLISH', p .. 'wake', tenant)
return 1
