-- rule_drop: forget a rule; who evaluates ends its alerts
-- args: tenant id revision
--   revision  it must have; 0: any
-- returns  1 gone, 0 there was none, -1 it has another revision
-- repeats  0
-- cost     O(1)

local p, call, tenant, id = KEYS[1], redis.call, ARGV[2], ARGV[3]
local all, revision = p .. 'r:' .. tenant, tonumber(ARGV[4])
local known = call('HGET', all, id)
if not known then return 0 end
if revision > 0 and tonumber(string.match(known, '^(%d+)|')) ~= revision then return -1 end
call('HDEL', all, id)
call('HDEL', p .. 's:' .. tenant, id)
call('HINCRBY', p .. 'rev', tenant, 1)
return 1
