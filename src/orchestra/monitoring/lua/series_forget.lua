-- series_forget: a recorded metric and all of its series are forgotten
-- args: tenant name
-- returns the series it had; -1 it is one of ours; nil it is unknown
-- repeats nil
-- cost O(series)

local p, call = KEYS[1], redis.call
local tenant, name = ARGV[2], ARGV[3]
local reg, mt, idx = p .. 'reg:' .. tenant, p .. 'mt:' .. tenant, p .. 'idx:' .. tenant .. ':' .. name
local about = call('HGET', mt, name)
if not about then return nil end
if string.sub(about, -1) == '1' then return -1 end
local sids = call('SMEMBERS', idx)
for _, sid in ipairs(sids) do
  if call('HDEL', reg, sid) == 1 then call('DECR', p .. 'n') end
  call('ZREM', p .. 'seen:' .. tenant, sid)
end
if string.sub(about, 1, 1) == 'h' then call('HINCRBY', mt, '#h', -#sids) end
call('HDEL', mt, name)
call('UNLINK', idx)
return sids
