-- agent_checked: what a check of an agent found
-- args: agent outcome ms message up down gate_ms proves
-- prelude: yes
-- flags: allow-oom
-- returns {event, fails, oks}: event '', 'opened' or 'closed'; {'gone', 0, 0} when the pool does not have it
-- repeats counts again
-- cost O(log agents)
--
-- outcome ok|fail|auth. `down` failures in a row open the breaker (auth: the first), `up` successes since it opened close it, by way of
-- half open. proves 1: a success means that the credential is good, too. An agent whose tasks failed again after a re-admission, while
-- its checks were fine, waits for its gate like any other: a check says little about the work.

local agent, outcome, ms, message, up, down = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
if call('HEXISTS', p .. 'conf', agent) == 0 then return {'gone', 0, 0} end
local fails, oks, seen, opened, last = match(call('HGET', p .. 'chk', agent) or '0|0|0|0|0|', '^(%d+)|(%d+)|(%d+)|(%d)|(%d+)|')
fails, oks, seen, opened, last = tonumber(fails), tonumber(oks), tonumber(seen), tonumber(opened), tonumber(last)
local brk = call('HGET', p .. 'brk', agent) or 'c:0:0:0:0:0:0:0'
local s, trips, event = string.sub(brk, 1, 1), tonumber(match(brk, '^%a:%d+:(%d+)')), ''
if s == 'c' then opened = 0 end

local function become(state)
  s = state
  brk = state .. ':0' .. match(brk, '^%a:%d+(:.*)$')
  if state == 'c' then brk = match(brk, '^(%a:0:%d+:)') .. floor(now / 15000) .. ':0:0:0:0' end
  call('HSET', p .. 'brk', agent, brk)
end

if outcome == 'ok' then
  if trips ~= seen then oks = 0 end                       -- it opened since: successes count from here
  oks, fails = oks + 1, 0
  local proven = opened == 2 or ARGV[9] == '1' or match(call('HGET', p .. 'st', agent) or '', '^([^|]*)') ~= 'misconfigured'
  if s ~= 'c' and proven and (opened > 0 or trips <= 1) then
    if oks >= up then
      become('c')
      opened, event = 0, 'closed'
      call('HDEL', p .. 'gate', agent)
      call('SREM', p .. 'open', agent)
      tell('agent.recovered', agent, {reason = 're-admitted by probe'})
      call('SPUBLISH', p .. 'free', 1)
    elseif s == 'o' then
      become('h')
    end
  end
else
  local _, worked = match(call('HGET', p .. 'ewma', agent) or '0:0', '^([%d%.]+):(%d+)$')
  if tonumber(worked) > last then fails = 0 end           -- real work was done in between
  oks, fails = 0, fails + 1
  if outcome == 'auth' or fails >= down then
    if s ~= 'o' then
      become('o')
      event = 'opened'
    end
    opened = outcome == 'auth' and 2 or math.max(opened, 1)
    call('SADD', p .. 'open', agent)
    local gate_ms, size = tonumber(ARGV[8]), call('ZCARD', p .. 'load')
    if outcome ~= 'auth' and (size == 1 or call('SCARD', p .. 'open') * 2 > size) then gate_ms = math.min(gate_ms, 5000) end
    if now + gate_ms > number('gate', agent) then call('HSET', p .. 'gate', agent, floor(now + gate_ms)) end
    tell(outcome == 'auth' and 'agent.misconfigured' or 'agent.unhealthy', agent, {reason = message, failed_checks = fails})
  elseif s == 'h' and opened > 0 then
    become('o')
  end
end
call('HSET', p .. 'chk', agent, table.concat({fails, oks, trips, opened, fmt('%d', now), ms, outcome, message}, '|'))
return {event, fails, oks}
