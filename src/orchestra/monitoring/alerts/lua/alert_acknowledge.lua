-- alert_acknowledge: somebody sees to an alert that fires, or does no longer
-- args: tenant alert now_ms by
--   by  who; '' takes it back
-- returns  ok, and said once; `none` for no such alert; its state when it does not fire
-- repeats  ok, and says nothing: who was first stays
-- cost     O(1)

local OUTBOX_MAX, HISTORY_MAX = 100000, 2000
local p, call = KEYS[1], redis.call
local tenant, id, by = ARGV[2], ARGV[3], ARGV[5]
local alert, history = p .. 'a:' .. tenant .. ':' .. id, p .. 'h:' .. tenant

local had = call('HMGET', alert, 'state', 'flapping', 'by', 'value', 'fires', 'facts')
if not had[1] then return 'none' end
if had[1] ~= 'firing' and had[1] ~= 'recovering' and had[2] ~= '1' then return had[1] end
if by == '' then
  call('HDEL', alert, 'by', 'by_ms')
  return 'ok'
end
if had[3] then return 'ok' end
call('HSET', alert, 'by', by, 'by_ms', ARGV[4])
local said = {'t', 'alert.acknowledged', 'tn', tenant, 'a', id, 'at', ARGV[4], 'v', had[4], 'n', had[5],
  'f', had[6], 'by', by}
call('XADD', p .. 'out', 'MAXLEN', '~', OUTBOX_MAX, '*', unpack(said))
call('XADD', history, 'MAXLEN', '~', HISTORY_MAX, '*', unpack(said))
return 'ok'
