-- endpoint_put: store an endpoint or an inbound hook, or what it was changed to
--
-- KEYS[1] prefix  of the webhooks
-- args: kind tenant id revision record most
--   kind      e endpoint, h inbound hook
--   revision  of this record: 1 is a new one, n takes the place of n - 1
--   record    framed, opaque here
--   most      of these a tenant may have
--
-- returns  1 stored, 0 there is none, or one of another revision; -1 there are `most` already
-- repeats  1 when the same was stored
-- cost     O(1)
local p, kind = KEYS[1], ARGV[2]
local tenant, id, revision = ARGV[3], ARGV[4], tonumber(ARGV[5])
local all, record = p .. kind .. ':' .. tenant, ARGV[5] .. '|' .. ARGV[6]
local known = redis.call('HGET', all, id)
if known == record then
  return 1
end
local has = known and tonumber(string.match(known, '^(%d+)|')) or 0
if has ~= revision - 1 then
  return 0
end
if not known and redis.call('HLEN', all) >= tonumber(ARGV[7]) then
  return -1
end
redis.call('HSET', all, id, record)
if kind == 'h' then
  redis.call('HSET', p .. 'ht', id, tenant)
else
  redis.call('HINCRBY', p .. 'rev', tenant, 1)
  redis.call('SPUBLISH', p .. 'wake', tenant)
end
return 1
