-- endpoint_drop: forget an endpoint or an inbound hook
--
-- KEYS[1] prefix  of the webhooks
-- args: kind tenant id
--   kind  e endpoint, h inbound hook
--
-- returns  1 gone, 0 there was none
-- repeats  0
-- cost     O(1)
local p, kind, tenant, id = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HDEL', p .. kind .. ':' .. tenant, id) == 0 then
  return 0
end
if kind == 'h' then
  redis.call('HDEL', p .. 'ht', id)
else
  redis.call('HINCRBY', p .. 'rev', tenant, 1)
  redis.call('SPUBLISH', p .. 'wake', tenant)
end
return 1
