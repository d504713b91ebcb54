-- slot_acquire: choose an agent and take one of its slots, as one decision
-- args: lease session give_up_ms capability strategy exclude only prefer bound tokens retry spill
-- prelude: yes
-- flags: allow-oom
--   a step that runs needs a slot to end; what it writes is small and bounded by the slots
-- returns {'ok', agent, fence, probe, used, reaped, seen} | {'full', n, seen, reaped} | {'cooling', wait_ms, seen, reaped}
--   | {'down', n, seen, reaped} | {'none', 0, seen, reaped} | {'budget', 0, '', reaped}; seen is what was looked at: full:cooling:open:stale:incapable:excluded:figure,
--   figure being the latency of the chosen one in ms, or the ms until the first gate opens; open are those gated by failure,
--   told only with a refusal; while a probe is on its way its gate counts as one second
-- repeats takes another slot: a lost reply is answered by releasing its lease
-- cost O(log agents) while the least loaded one is free; measured 26-115 us
--
-- capability '' any, '*' those that declare none; strategy load|ewma; exclude and only are one agent a line, only '' is everybody;
-- prefer: 'agent|rank' a line, best tier first: who is free of them goes before all others of the tier, lowest rank first;
-- bound: their slots times weights in all, and nobody preferred gets over 1.25 times his share of the load; 0 is no bound;
-- retry 1 takes from the retry budget; spill 1: tiers spill on load.

local lease, session, give_up_ms, capability, strategy = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local bound, tokens, again, spill = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12] == '1', ARGV[13] == '1'
local reaped = reap()
renew(session)

local rb = call('HMGET', p .. 'rb', 'n', 'at')
local left = tonumber(rb[1]) or 10
if left < 10 then left = math.min(10, left + (now - (tonumber(rb[2]) or now)) / 1000) end
if again and left < 1 then return {'budget', 0, '', reaped} end

local function set_of(text)
  local set = {}
  for agent in string.gmatch(text, '[^\n]+') do set[agent] = true end
  return set
end
local skip, only = set_of(ARGV[7]), ARGV[8] ~= '' and set_of(ARGV[8])
local share = bound > 0 and 1.25 * (call('ZCARD', p .. 'lease') + 1) / bound

local best, least, found, held, gated, waits, seen, full, stale, unable, out
local late = judged()

-- One page of agents, best first; true when there is no need to look further.
local function look(names, rank)
  local confs, used = call('HMGET', p .. 'conf', unpack(names)), call('HMGET', p .. 'inf', unpack(names))
  local gate, alive = call('HMGET', p .. 'gate', unpack(names)), call('ZMSCORE', p .. 'hb', unpack(names))
  local able = capability ~= '' and call('SMISMEMBER', p .. 'cap:' .. capability, unpack(names))
  local speed = not rank and strategy == 'ewma' and call('HMGET', p .. 'ewma', unpack(names))
  local score = rank and call('ZMSCORE', p .. 'load', unpack(names))
  for i, agent in ipairs(names) do
    local c, n, closed = conf(confs[i]), tonumber(used[i] or '0'), tonumber(gate[i] or '0') - now
    if able and able[i] ~= 1 then
      unable = unable + 1
    elseif c and (not only or only[agent]) then
      if best and c.tier > best.c.tier or held and c.tier > held then return true end
      seen = seen + 1
      if skip[agent] then
        out = out + 1
      elseif not alive[i] or tonumber(alive[i]) <= late then
        stale = stale + 1
      else
        local slow, r, t = 0
        if closed <= 0 and n < c.max then slow, r, t = rate(agent, c, tokens) end
        closed = math.max(closed, slow)
        if closed > 0 then
          gated[#gated + 1], waits[#waits + 1] = agent, closed
        elseif n >= c.max then
          full, held = full + 1, held or not spill and c.tier
        elseif rank and share and n + 1 > math.ceil(share * c.max * c.weight) then
          held = held or c.tier                            -- over its share: somebody else of its tier has room
        else
          found = found + 1
          local cost = rank and rank[i] or 0
          if speed then                                    -- peak-EWMA; tau 30 s, so that a slow agent is tried again
            local ms, since = match(speed[i] or '0:0', '^([%d%.]+):(%d+)$')
            cost = (n + 1) * (ms * math.exp(-(now - since) / 30000) + 1) / (c.max * c.weight)
          end
          local at_load = score and tonumber(score[i]) or 0
          if not best or cost < least or cost == least and at_load < best.score then
            best, least = {name = agent, c = c, n = n, r = r, t = t, score = at_load}, cost
          end
          if not rank and (not speed or found >= 8) then return true end
        end
      end
    end
  end
end

local function begin()
  found, seen, full, stale, unable, out, gated, waits, held = 0, 0, 0, 0, 0, 0, {}, {}, false
end

begin()
if ARGV[9] ~= '' then
  local names, rank = {}, {}
  for agent, place in string.gmatch(ARGV[9], '([^|\n]+)|(%-?%d+)') do
    names[#names + 1], rank[#rank + 1] = agent, tonumber(place)
  end
  look(names, rank)
  if not best then begin() end
end
local offset, step, done = 0, 16, best
while not done do
  local names = call('ZRANGE', p .. 'load', offset, offset + step - 1)
  done = #names == 0 or look(names)
  offset, step = offset + step, step * 2
end

-- How many of those gated are so by failure, and when the first one may be asked. A probe on its way may end at any moment.
local function gates()
  local open, first = 0, nil
  for start = 1, #gated, 200 do
    local last = math.min(start + 199, #gated)
    for i, state in ipairs(call('HMGET', p .. 'brk', unpack(gated, start, last))) do
      local kind, closed = state and string.sub(state, 1, 1) or 'c', waits[start + i - 1]
      if kind ~= 'c' then open = open + 1 end
      if kind == 'h' then closed = math.min(closed, 1000) end
      first = math.min(first or closed, closed)
    end
  end
  return open, first
end

local function looked_at(open, figure)
  return table.concat({full, #gated - open, open, stale, unable, out, floor(figure)}, ':')
end

if not best then
  local open, wait = gates()
  local shown = looked_at(open, wait or 0)
  if seen == 0 then return {'none', 0, shown, reaped} end
  if full > 0 then return {'full', full, shown, reaped} end
  if wait then return {'cooling', wait, shown, reaped} end
  return {'down', seen, shown, reaped}
end
local agent, c, probe = best.name, best.c, 0
local brk = call('HGET', p .. 'brk', agent)
if brk and string.sub(brk, 1, 1) ~= 'c' then              -- half open: one real task is the probe; lost, another is in 30 s
  probe = 1
  call('HSET', p .. 'brk', agent, 'h' .. string.sub(brk, 2))
  call('HSET', p .. 'gate', agent, now + 30000)
end
if c.rpm > 0 or c.tpm > 0 then call('HSET', p .. 'rate', agent, fmt('%.3f:%.3f', best.r, best.t)) end
left = again and left - 1 or math.min(100, left + 0.2)
call('HSET', p .. 'rb', 'n', fmt('%.3f', left), 'at', now)
local fence, n = call('INCR', p .. 'seq'), call('HINCRBY', p .. 'inf', agent, 1)
rescore(agent, n, c, fence)
call('ZADD', p .. 'lease', now + give_up_ms, agent .. '|' .. lease .. '|' .. session)
local ms = match(call('HGET', p .. 'ewma', agent) or '0:0', '^([%d%.]+):')
return {'ok', agent, fence, probe, n, reaped, looked_at(0, ms)}
