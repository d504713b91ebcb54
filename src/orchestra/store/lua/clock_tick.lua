-- clock_tick: due timers, dead sessions, one bounded bite of each
-- args: max lease_ms alone
-- prelude: yes
-- flags: allow-oom
--   alone: '' or the only session alive (an embedded store was just opened): every other one is dead
-- returns {due, recovered, ms until the next is due or '', kind, timer, detail, …}: calls to make into other partitions, then
--   timer_forget(timer): "N|eid", detail "parent/path state": signal the parent; "K|op|generation|since_ms|eid/child":
--   control the child; when it does not exist 60 s after since_ms, it never will: signal eid with path '' and the child
-- repeats does what is due by then
-- cost O(max): 100 timers below 1 ms

local max, lease_ms, alone, t, out = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], now(), {0, 0, ''}
local due = call('ZRANGEBYSCORE', p .. 't', '-inf', t, 'LIMIT', 0, max)
for _, timer in ipairs(due) do
  local kind, rest = match(timer, '^(%a)|(.*)$')
  if kind == 'N' or kind == 'K' then                      -- a call into another partition: asked for until forgotten
    call('ZADD', p .. 't', t + 5000, timer)
    local i = #out
    out[i + 1], out[i + 2] = kind, timer
    out[i + 3] = kind == 'N' and table.concat(call('HMGET', p .. 'x:' .. rest, '@p', '@s'), ' ') or ''
  else
    call('ZREM', p .. 't', timer)
    if kind == 'V' then
      recover(rest, 'lease')
    elseif kind == 'D' then
      local x = load(rest)
      if x and (x.s == 'N' or x.s == 'R' or x.s == 'P') then
        call('HSET', x.key, '@z', '!deadline')
        note('T', rest, '', '0', 'deadline', x)
        if call('HGET', x.key, '@o') == 'B' then roll_back(rest, x, nil, 'F') else close(rest, x, 'F') end
      end
    elseif kind == 'U' then
      local x = load(rest)
      if x and (x.s == 'R' or x.s == 'N') then
        for _, item in ipairs(call('SPOP', p .. 'pk:' .. rest, 500)) do
          local _, _, owner, path = parse(item)
          local state = call('HGET', home(owner, path), path) or ''
          if string.sub(state, 1, 1) == 'p' then ready(item, x, string.sub(state, 2)) end
        end
        if call('EXISTS', p .. 'pk:' .. rest) == 1 then call('ZADD', p .. 't', t, timer) end
      end
    else                                                  -- R retry, A await timed out
      local _, _, owner, path = parse(rest)
      local x, state = load(owner), call('HGET', home(owner, path), path) or ''
      local mark, tries = string.sub(state, 1, 1), string.sub(state, 2)
      if x and not over(x.s) then
        if kind == 'R' and mark == 't' then ready(rest, x, tries)
        elseif kind == 'A' and mark == 'a' and gate(x, owner, path) ~= 'drop' then woken(rest, x, tries, 'W', '') end
      end
    end
  end
end
out[1] = #due
local c = call('HMGET', p .. 'cur', '@tick', '@grace')
local seen, grace = tonumber(c[1]) or t, tonumber(c[2]) or 0
-- Nobody ticked: the store was away, not the workers. Once in 30 s, or slow tickers would keep the dead alive.
if t - seen > 2000 and t > grace + 30000 and alone == '' then
  grace = t + lease_ms
  call('HSET', p .. 'cur', '@grace', grace)
end
call('HSET', p .. 'cur', '@tick', t)
if t >= grace or alone ~= '' then
  local dead = call('ZRANGEBYSCORE', p .. 'wk', '-inf', alone ~= '' and '+inf' or t, 'LIMIT', 0, 8)
  for _, session in ipairs(dead) do
    if session ~= alone then
      local key = p .. 'wl:' .. session
      for _, item in ipairs(call('SPOP', key, 256)) do out[2] = out[2] + recover(item, session) end
      if call('EXISTS', key) == 0 then call('ZREM', p .. 'wk', session) end
      if out[2] >= 256 then break end
    end
  end
end
call('ZREMRANGEBYSCORE', p .. 'cx', '-inf', t - 60000)
local first = call('ZRANGE', p .. 't', 0, 0, 'WITHSCORES')
out[3] = first[2] and math.max(0, first[2] - t) or ''
return out
