-- rule_tell: how the evaluation of a rule went; said once when it begins to fail
-- args: token tenant rule now_ms state status facts
--   state   ok, no_data, failed
--   status  JSON, kept as it is
--   facts   JSON told with the event
-- returns  1 kept; 0 for an old token
-- repeats  1, and says nothing
-- cost     O(1)

local OUTBOX_MAX, HISTORY_MAX, HISTORY_S = 100000, 2000, 7776000
local p, call = KEYS[1], redis.call
local token, tenant, rule, state = tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[6]
local states, history = p .. 's:' .. tenant, p .. 'h:' .. tenant

local newest = tonumber(call('GET', p .. 'fence') or '0')
if token < newest then return 0 end
if token > newest then call('SET', p .. 'fence', ARGV[2]) end

-- A rule that was deleted meanwhile leaves nothing behind.
local built_in = string.sub(rule, 1, 12) == 'alr_builtin_'
if not built_in and call('HEXISTS', p .. 'r:' .. tenant, rule) == 0 then return 1 end

local had = call('HGET', states, rule)
local read, old = pcall(cjson.decode, had or '')
local before = read and type(old) == 'table' and old.state
call('HSET', states, rule, ARGV[7])
if state == 'failed' and before ~= 'failed' then
  local said = {'t', 'alert.rule_failed', 'tn', tenant, 'a', rule, 'at', ARGV[5], 'v', '', 'n', 0, 'f', ARGV[8]}
  call('XADD', p .. 'out', 'MAXLEN', '~', OUTBOX_MAX, '*', unpack(said))
  call('XADD', history, 'MAXLEN', '~', HISTORY_MAX, '*', unpack(said))
  call('EXPIRE', history, HISTORY_S)
end
return 1
