-- endpoint_put: store an endpoint, or what it was changed to
--
-- KEYS[1] prefix  of the webhooks
-- args: tenant id revision record most
--   revision  of this record: 1 is a new endpoint, n takes the place of n - 1
--   record    framed, opaque here
--   most      endpoints a tenant may have
--
-- returns  1 stored, 0 there is none, or one of another revision; -1 there are `most` already
-- repeats  1 when the same was stored
-- cost     O(1)
local p = KEYS[1]
local tenant, id, revision = ARGV[2], ARGV[3], tonumber(ARGV[4])
local all, record = p .. 'e:' .. tenant, ARGV[4] .. '|' .. ARGV[5]
local known = redis.call('HGET', all, id)
if known == record then
  return 1
end
local has = known and tonumber(string.match(known, '^(%d+)|')) or 0
if has ~= revision - 1 then
  return 0
end
if not known and redis.call('HLEN', all) >= tonumber(ARGV[6]) then
  return -1
end
redis.call('HSET', all, id, record)
redis.call('HINCRBY', p .. 'rev', tenant, 1)
redis.call('SPUBLISH', p .. 'wake', tenant)
return 1
