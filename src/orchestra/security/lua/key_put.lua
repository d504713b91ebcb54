-- key_put: store one API key under its handle
--
-- KEYS[1] prefix  of the identities
-- args: handle tenant record made_at_ms lives_ms only_first
--   record      framed, opaque here
--   lives_ms    time to live of the record
--   only_first  '1': only when the tenant has no key that lives
--
-- returns  1 stored, 0 there is a key already (or that handle is taken: nothing changed)
-- repeats  0
-- cost     O(1); with only_first O(n) in the tenant's keys that have expired
local p = KEYS[1]
local handle, tenant, record = ARGV[2], ARGV[3], ARGV[4]
local index = p .. 'ix:' .. tenant
if ARGV[7] == '1' then
  for _, other in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if redis.call('EXISTS', p .. 'k:' .. other) == 1 then
      return 0
    end
    redis.call('ZREM', index, other)
  end
end
if not redis.call('SET', p .. 'k:' .. handle, record, 'PX', ARGV[6], 'NX') then
  return 0
end
redis.call('ZADD', index, ARGV[5], handle)
return 1
