-- alert_move: move one alert on by one evaluation; say so when it fires, resolves, begins to flap
-- args: token tenant alert now_ms most_ms verdict value for_ms keep_ms facts
--   token    fencing token of who evaluates
--   most_ms  since the evaluation before no more time can have passed, however far the clock jumped
--   verdict  breach; hold (between the two thresholds); clear; keep (nobody knows: leave it);
--            gone (its rule is, or is off: over at once)
--   value    what was measured, for people; '' for none
--   for_ms   a breach must be seen for so long before it fires
--   keep_ms  it must be seen clear for so long before it resolves
--   facts    JSON told with each event: rule, labels, severity, whom to tell
-- returns  the state after it, with a * behind it while it flaps; `fenced` for an old token
-- repeats  the same again changes nothing and says nothing; an evaluation that comes late, too
-- cost     O(log n) in the alerts of the tenant that are not ok

local FLAP_MS, FLAP_FIRES, OUTBOX_MAX, HISTORY_MAX = 1800000, 4, 100000, 2000
local KEPT_MS, HISTORY_S, BACK_MS = 172800000, 7776000, 60000

local p, call = KEYS[1], redis.call
local token, tenant, id, now, most = tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local verdict, value, for_ms, keep_ms, facts = ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]
local alert, active = p .. 'a:' .. tenant .. ':' .. id, p .. 'act:' .. tenant

local newest = tonumber(call('GET', p .. 'fence') or '0')
if token < newest then return 'fenced' end
if token > newest then call('SET', p .. 'fence', ARGV[2]) end

local had = call('HMGET', alert, 'state', 'since_ms', 'fired_ms', 'fires', 'times', 'flapping', 'moved_ms',
  'seen_ms', 'at_ms')
-- What cannot be read counts as nothing: one record must not end the evaluation of all.
local state, since, moved = had[1] or 'ok', tonumber(had[2]), tonumber(had[7]) or 0
local fires, times, flapping = tonumber(had[4]) or 0, had[5] or '', had[6] == '1'
-- So long before the last word the clock was set back; it is no evaluation that comes late.
if had[1] and (not since or since - now > BACK_MS or moved - now > BACK_MS) then
  since, moved = now, math.min(moved, now)
  call('HSET', alert, 'since_ms', ARGV[5], 'moved_ms', string.format('%.0f', moved), 'fires', fires)
  had[2], had[8], had[9] = ARGV[5], '0', ARGV[5]
end
since = since or 0
-- For how long it was seen in this state, until when. Without that it counts from its beginning.
local seen, at = tonumber(had[8]), tonumber(had[9])
if not seen or not at or at < since then seen, at = 0, since end

local function told(after) return flapping and after .. '*' or after end

-- A later evaluation decides; an earlier one that arrives late must not turn the clock back.
if now < since then return told(state) end
seen = seen + math.max(0, math.min(now - at, most))
if state == 'pending' or state == 'recovering' then
  call('HSET', alert, 'seen_ms', string.format('%.0f', seen), 'at_ms', ARGV[5])
end
if verdict == 'keep' then return told(state) end

local after = state
if verdict == 'gone' then
  after = 'ok'
elseif state == 'ok' and verdict == 'breach' then
  after = for_ms == 0 and 'firing' or 'pending'
elseif state == 'pending' and verdict ~= 'breach' then
  after = 'ok'
elseif state == 'pending' and seen >= for_ms then
  after = 'firing'
elseif state == 'firing' and verdict == 'clear' then
  after = keep_ms == 0 and 'ok' or 'recovering'
elseif state == 'recovering' and verdict ~= 'clear' then
  after = 'firing'
elseif state == 'recovering' and seen >= keep_ms then
  after = 'ok'
end

local open = state == 'firing' or state == 'recovering'
local fires_now = after == 'firing' and not open
local ends_now = after == 'ok' and open
local calm = flapping and not fires_now and not ends_now and now - moved >= FLAP_MS
local over = flapping and after == 'ok' and (calm or verdict == 'gone')

if after == state and not calm and not over then
  if state ~= 'ok' then call('HSET', alert, 'value', value, 'facts', facts) end
  return told(state)
end

local event
if fires_now then
  local kept = {}
  for at in string.gmatch(times, '%d+') do kept[#kept + 1] = at end
  kept[#kept + 1] = ARGV[5]
  while #kept > FLAP_FIRES + 1 do table.remove(kept, 1) end
  fires, times = fires + 1, table.concat(kept, ' ')
  if not flapping then
    flapping = #kept > FLAP_FIRES and now - tonumber(kept[1]) <= FLAP_MS
    event = flapping and 'alert.flapping' or 'alert.fired'
  end
elseif over or (ends_now and not flapping) then
  event = 'alert.resolved'
end
if calm or over then flapping = false end

if after == 'ok' and fires == 0 then
  call('DEL', alert)
else
  if after ~= state then call('HSET', alert, 'seen_ms', '0', 'at_ms', ARGV[5]) end
  call('HSET', alert, 'state', after, 'since_ms', after == state and had[2] or ARGV[5],
    'fires', fires, 'times', times, 'flapping', flapping and '1' or '0', 'value', value, 'facts', facts)
  if fires_now then call('HSET', alert, 'fired_ms', ARGV[5]) end
  if fires_now or ends_now then
    call('HSET', alert, 'moved_ms', ARGV[5])
    call('HDEL', alert, 'by', 'by_ms')
  end
end
if after == 'ok' and not flapping then
  call('ZREM', active, id)
  call('PEXPIRE', alert, KEPT_MS)
  if call('EXISTS', active) == 0 then call('SREM', p .. 'tn', tenant) end
else
  call('ZADD', active, 'NX', ARGV[5], id)
  call('PERSIST', alert)
  call('SADD', p .. 'tn', tenant)
end
if event then
  local said = {'t', event, 'tn', tenant, 'a', id, 'at', ARGV[5], 'v', value, 'n', fires, 'f', facts}
  call('XADD', p .. 'out', 'MAXLEN', '~', OUTBOX_MAX, '*', unpack(said))
  call('XADD', p .. 'h:' .. tenant, 'MAXLEN', '~', HISTORY_MAX, '*', unpack(said))
  call('EXPIRE', p .. 'h:' .. tenant, HISTORY_S)
end
return told(after)
