-- slot_release: give a slot back and say how the call went
-- args: agent lease session outcome latency_ms retry_ms tokens
-- prelude: yes
-- flags: allow-oom
-- returns {held, event}: held 0 means that the slot was already given back, so the result is late; event '' or a change of state
-- repeats {0, …}: the slot is given back once
-- cost O(log leases)
--
-- outcome ok|fail|deny|rate|none; deny opens at once; retry_ms is the gate of rate and deny; tokens is actual minus estimate.
-- ok with retry_ms: the answer said that the quota is used up. rate without retry_ms: 5 s, twice that after each further one, 60 s at most. `free` carries who gave the slot back.

local agent, session, outcome, ms, retry_ms = ARGV[2], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local held = give_back(agent .. '|' .. ARGV[3] .. '|' .. session)
renew(session)
if held then call('SPUBLISH', p .. 'free', session) end
local c = conf(call('HGET', p .. 'conf', agent))
if not c then return {held and 1 or 0, ''} end
if not held and outcome == 'none' then return {0, ''} end -- only a lease that may never have been: nothing to learn

if c.tpm > 0 and held then
  local r, t = match(call('HGET', p .. 'rate', agent) or '0:0', '^([%d%.]+):([%d%.]+)$')
  call('HSET', p .. 'rate', agent, fmt('%s:%.3f', r, math.max(tonumber(t) + ARGV[8] * 60000 / c.tpm, 0)))
end
local function gate(until_ms)                             -- the later of two gates wins
  if until_ms > number('gate', agent) then call('HSET', p .. 'gate', agent, floor(until_ms)) end
end

local s, f, trips, b, ok0, bad0, ok1, bad1, k =
  match(call('HGET', p .. 'brk', agent) or 'c:0:0:0:0:0:0:0:0', '^(%a):(%d+):(%d+):(%d+):(%d+):(%d+):(%d+):(%d+):?(%d*)$')
f, trips, b, ok0, bad0, ok1, bad1, k =
  tonumber(f), tonumber(trips), tonumber(b), tonumber(ok0), tonumber(bad0), tonumber(ok1), tonumber(bad1), tonumber(k) or 0
local bucket, event = floor(now / 15000), ''
if bucket > b then                                        -- two buckets of 15 s: this one and the one before
  ok1, bad1 = 0, 0
  if bucket == b + 1 then ok1, bad1 = ok0, bad0 end
  ok0, bad0, b = 0, 0, bucket
end
if outcome == 'ok' then
  ok0, f, k = ok0 + 1, 0, 0
  if s == 'h' then
    s, event, ok0, bad0, ok1, bad1 = 'c', 'closed', 1, 0, 0, 0
    call('HDEL', p .. 'gate', agent)
    call('SREM', p .. 'open', agent)
  elseif trips > 0 and ok0 % 20 == 0 then
    trips = trips - 1
  end
  local old, since = match(call('HGET', p .. 'ewma', agent) or '0:0', '^([%d%.]+):(%d+)$')
  local keep = ms > tonumber(old) and 0 or math.exp(-(now - since) / 10000)
  call('HSET', p .. 'ewma', agent, fmt('%.1f:%d', old * keep + ms * (1 - keep), now))
  if retry_ms > 0 then gate(now + retry_ms) end
elseif outcome == 'rate' then                             -- a 429 is proof of life
  if s == 'h' then
    s = 'c'
    call('HDEL', p .. 'gate', agent)
    call('SREM', p .. 'open', agent)
  end
  if retry_ms == 0 then                                   -- several answers to one burst are one refusal
    if number('gate', agent) <= now then k = math.min(k + 1, 5) end
    retry_ms = math.min(5000 * 2 ^ math.max(k - 1, 0), 60000)
  end
  gate(now + retry_ms)
  event = 'cooling'
elseif outcome == 'fail' or outcome == 'deny' then
  f, bad0 = f + 1, bad0 + 1
  local bad, all = bad0 + bad1, ok0 + ok1 + bad0 + bad1
  if s == 'h' or (s == 'c' and (outcome == 'deny' or f >= 5 or (all >= 10 and bad * 2 >= all))) then
    trips = math.min(trips + 1, 10)
    call('SADD', p .. 'open', agent)
    local open_ms = math.min(30000 * 2 ^ (trips - 1), 300000)
    local size = call('ZCARD', p .. 'load')
    if size == 1 or call('SCARD', p .. 'open') * 2 > size then open_ms = 5000 end
    if outcome == 'deny' then open_ms = retry_ms end
    if s == 'h' then call('HDEL', p .. 'gate', agent) end -- that of the probe
    gate(now + open_ms)
    s, f, event, ok0, bad0, ok1, bad1 = 'o', 0, 'opened', 0, 0, 0, 0
  end
elseif s == 'h' then                                      -- the probe was cancelled: let the next one try
  s = 'o'
  call('HDEL', p .. 'gate', agent)
end
if event == 'closed' then
  tell('agent.recovered', agent)
elseif event == 'opened' then
  tell(outcome == 'deny' and 'agent.misconfigured' or 'agent.unhealthy', agent, {reason = outcome == 'deny' and 'credentials refused' or 'calls failed'})
end
call('HSET', p .. 'brk', agent, table.concat({s, f, trips, b, ok0, bad0, ok1, bad1, k}, ':'))
return {held and 1 or 0, event}
