-- slot_explain: how agents stand for a pick, without picking
-- args: capability tokens
-- more: agents, one an argument
-- prelude: yes
-- flags: no-writes
-- returns for each agent {score or '', used, ms till its gate opens, ms it is still alive, capable, latency_ms, breaker, ms its rate makes wait}
-- repeats the same
-- cost O(agents asked for * log agents)

local found, late = {}, judged()
for i = 4, #ARGV do
  local agent = ARGV[i]
  local c, wait = conf(call('HGET', p .. 'conf', agent)), 0
  if c then wait = rate(agent, c, tonumber(ARGV[3])) end
  local able = ARGV[2] == '' or call('SISMEMBER', p .. 'cap:' .. ARGV[2], agent) == 1
  found[#found + 1] = {
    c and call('ZSCORE', p .. 'load', agent) or '', number('inf', agent), math.max(number('gate', agent) - now, 0),
    fmt('%.0f', tonumber(call('ZSCORE', p .. 'hb', agent) or '0') - late), able and 1 or 0,
    match(call('HGET', p .. 'ewma', agent) or '0:0', '^([%d%.]+):'), string.sub(call('HGET', p .. 'brk', agent) or 'c', 1, 1), wait,
  }
end
return found
