-- master_rotate: another master key takes over, all at once
--
-- KEYS[1] prefix  of the identities
-- args: before after pepper
--   before, after  check values of the two master keys
--   pepper         of API keys, sealed with the new one
-- more: tenant and its data key wrapped by the new one, for every tenant
--
-- returns  1 done, 0 nothing changed: another master key, or another number of data keys, is there
-- repeats  0
-- cost     O(n) in the tenants
local p = KEYS[1]
if redis.call('GET', p .. 'mk') ~= ARGV[2] or redis.call('HLEN', p .. 'dk') * 2 ~= #ARGV - 4 then
  return 0
end
for i = 5, #ARGV, 2 do
  redis.call('HSET', p .. 'dk', ARGV[i], ARGV[i + 1])
end
redis.call('SET', p .. 'pp', ARGV[4])
redis.call('SET', p .. 'mk', ARGV[3])
return 1
