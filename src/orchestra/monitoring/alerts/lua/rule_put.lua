-- rule_put: store a rule, or what it was changed to
-- args: kind tenant id revision record most
--   kind      r a rule of the tenant; b what was changed of a built-in one, which has revision 1
--   revision  of this record: 1 is a new one, n takes the place of n - 1
--   record    framed, opaque here
--   most      of these a tenant may have
-- returns  1 stored, 0 there is none, or one of another revision; -1 there are `most` already
-- repeats  1 when the same was stored
-- cost     O(1)

local p, call, kind = KEYS[1], redis.call, ARGV[2]
local tenant, id, revision = ARGV[3], ARGV[4], tonumber(ARGV[5])
local all, record = p .. kind .. ':' .. tenant, ARGV[5] .. '|' .. ARGV[6]
local known = call('HGET', all, id)
if known == record then return 1 end
local has = known and tonumber(string.match(known, '^(%d+)|')) or (kind == 'b' and 1 or 0)
if has ~= revision - 1 then return 0 end
if not known and call('HLEN', all) >= tonumber(ARGV[7]) then return -1 end
call('HSET', all, id, record)
call('HINCRBY', p .. 'rev', tenant, 1)
return 1
