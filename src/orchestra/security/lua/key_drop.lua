-- key_drop: revoke one API key
--
-- KEYS[1] prefix  of the identities
-- args: handle tenant
--
-- returns  1 revoked, 0 there is none of that tenant
-- repeats  0
-- cost     O(log n) in the tenant's keys
if redis.call('ZREM', KEYS[1] .. 'ix:' .. ARGV[3], ARGV[2]) == 0 then
  return 0
end
redis.call('DEL', KEYS[1] .. 'k:' .. ARGV[2])
return 1
