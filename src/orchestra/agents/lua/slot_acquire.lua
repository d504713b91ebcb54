-- slot_acquire: choose an agent and take one of its slots, as one decision
-- args: lease session give_up_ms capability strategy exclude only tokens retry spill
-- prelude: yes
-- flags: allow-oom
--   a step that runs needs a slot to end; what it writes is small and bounded by the slots
-- returns {'ok', agent, fence, probe, used, reaped} | {'full', n} | {'cooling', wait_ms} | {'down', n} | {'none', 0} | {'budget', 0}
-- repeats takes another slot: a lost reply is answered by releasing its lease
-- cost O(log agents) while the least loaded one is free; measured 26-115 us
--
-- capability '' any, '*' those that declare none; strategy load|ewma; exclude and only are one agent a line, only '' is everybody;
-- retry 1 takes from the retry budget; spill 1: tiers spill on load.

local lease, session, give_up_ms, capability, strategy = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local tokens, again, spill = tonumber(ARGV[9]), ARGV[10] == '1', ARGV[11] == '1'
local reaped = reap()
renew(session)

local rb = call('HMGET', p .. 'rb', 'n', 'at')
local left = tonumber(rb[1]) or 10
if left < 10 then left = math.min(10, left + (now - (tonumber(rb[2]) or now)) / 1000) end
if again and left < 1 then return {'budget', 0} end

local function set_of(text)
  local set = {}
  for agent in string.gmatch(text, '[^\n]+') do set[agent] = true end
  return set
end
local skip, only = set_of(ARGV[7]), ARGV[8] ~= '' and set_of(ARGV[8])

local best, least, found, seen, full, full_tier, wait
local offset, step = 0, 16
repeat
  local names = call('ZRANGE', p .. 'load', offset, offset + step - 1)
  if #names == 0 then break end
  local confs, used = call('HMGET', p .. 'conf', unpack(names)), call('HMGET', p .. 'inf', unpack(names))
  local gate, alive = call('HMGET', p .. 'gate', unpack(names)), call('ZMSCORE', p .. 'hb', unpack(names))
  local able = capability ~= '' and call('SMISMEMBER', p .. 'cap:' .. capability, unpack(names))
  local speed = strategy == 'ewma' and call('HMGET', p .. 'ewma', unpack(names))
  for i, agent in ipairs(names) do
    if (not able or able[i] == 1) and (not only or only[agent]) then
      seen = (seen or 0) + 1
      local c, n, closed = conf(confs[i]), tonumber(used[i] or '0'), tonumber(gate[i] or '0') - now
      if best and c.tier > best.c.tier then found = 8 break end
      if full_tier and c.tier > full_tier and not spill then found = 8 break end
      if not skip[agent] and alive[i] and tonumber(alive[i]) > now then
        local slow, r, t = 0
        if closed <= 0 and n < c.max then slow, r, t = rate(agent, c, tokens) end
        closed = math.max(closed, slow)
        if closed > 0 then
          wait = math.min(wait or closed, closed)
        elseif n >= c.max then
          full, full_tier = (full or 0) + 1, full_tier or c.tier
        else
          found = (found or 0) + 1
          local cost = 0
          if speed then                                    -- peak-EWMA; tau 30 s, so that a slow agent is tried again
            local ms, since = match(speed[i] or '0:0', '^([%d%.]+):(%d+)$')
            cost = (n + 1) * (ms * math.exp(-(now - since) / 30000) + 1) / (c.max * c.weight)
          end
          if not best or cost < least then best, least = {name = agent, c = c, n = n, r = r, t = t}, cost end
          if not speed or found >= 8 then found = 8 break end
        end
      end
    end
  end
  offset, step = offset + step, step * 2
until found == 8

if not best then
  if not seen then return {'none', 0} end
  if full then return {'full', full} end
  if wait then return {'cooling', wait} end
  return {'down', seen}
end
local agent, c, probe = best.name, best.c, 0
local brk = call('HGET', p .. 'brk', agent)
if brk and string.sub(brk, 1, 1) == 'o' then              -- half open: one real task is the probe
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
return {'ok', agent, fence, probe, n, reaped}
