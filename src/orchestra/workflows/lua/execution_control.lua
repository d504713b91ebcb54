-- execution_control: pause, resume, cancel, rollback, skip_undo, retry
-- args: eid tenant op steps generation otherwise actor deadline_ms
-- prelude: yes
-- flags: allow-oom
--   steps: for retry, lines "path\tdeps\troute" of the top-level steps to run again: 0 deps at once, others wait for as many
--   interrupt is pause, and running calls stop. generation: '' or the parent's. otherwise: for rollback, '' or the state it
--   ends in when there is nothing to undo (a cancel that rolls back). actor: who asked, for the history. deadline_ms: for retry, the active time it gets, 0 for no end
-- returns {1, state}; {2, state} it is so already; {0, state} not possible in this state; {-1} not found for this tenant
-- repeats {2}
-- cost O(1) for pause and cancel; resume moves 500 parked steps, the clock moves the rest

local eid, op = ARGV[2], ARGV[4]
local x = load(eid)
if not x or x.t ~= ARGV[3] then return {-1} end
local t = now()
if ARGV[6] ~= '' then
  if tonumber(ARGV[6]) <= tonumber(call('HGET', x.key, '@h') or 0) then return {2, x.s} end
  call('HSET', x.key, '@h', ARGV[6])
end
if op == 'pause' or op == 'interrupt' then
  if x.s == 'P' then
    if op == 'interrupt' and x.r > 0 then stop(eid .. '|i') end
    return {2, 'P'}
  end
  if x.s ~= 'N' and x.s ~= 'R' then return {0, x.s} end
  local due = tonumber(call('ZSCORE', p .. 't', 'D|' .. eid) or nil)
  if due then
    call('ZREM', p .. 't', 'D|' .. eid)
    call('HSET', x.key, '@l', due - t)                    -- the deadline counts active time
  end
  turn(x, 'P', '@v', x.s)
  if op == 'interrupt' and x.r > 0 then stop(eid .. '|i') end
elseif op == 'resume' then
  if x.s == 'R' or x.s == 'N' then return {2, x.s} end
  if x.s ~= 'P' then return {0, x.s} end
  local was = call('HMGET', x.key, '@l', '@v')
  if was[1] then
    call('ZADD', p .. 't', t + was[1], 'D|' .. eid)
    call('HDEL', x.key, '@l')
  end
  call('ZREM', p .. 'cx', eid .. '|i')
  turn(x, was[2] or 'R')
  if call('EXISTS', p .. 'pk:' .. eid) == 1 then call('ZADD', p .. 't', t, 'U|' .. eid) end
elseif op == 'cancel' then
  if x.s == 'C' or (x.s == 'Z' and call('HGET', x.key, '@e') == 'C') then return {2, x.s} end
  if x.s ~= 'N' and x.s ~= 'R' and x.s ~= 'P' then return {0, x.s} end
  close(eid, x, 'C')
elseif op == 'rollback' or op == 'skip_undo' then
  if x.s == 'B' then return {2, 'B'} end
  if x.s == 'L' or x.s == 'Z' then return {0, x.s} end
  local blocked = string.sub(call('HGET', x.key, '@z') or '', 1, 1) == '~'
  if op == 'skip_undo' then
    if x.s ~= 'F' then return {0, x.s} end
    if blocked then call('RPOP', p .. 'u:' .. eid) end
  end
  if x.s == 'C' and ARGV[7] ~= '' then return {2, x.s} end
  if over(x.s) and ARGV[7] ~= '' then return {0, x.s} end
  if ARGV[7] == 'C' then note('K', eid, '', '0', 'cancel\t' .. ARGV[8], x) end
  if ARGV[7] == '' then note('K', eid, '', '0', op .. '_requested\t' .. ARGV[8], x) end
  if blocked then
    local cause = call('HGET', x.key, '@x') or ''
    if cause == '' then call('HDEL', x.key, '@z', '@x') else call('HSET', x.key, '@z', cause) end
  end
  roll_back(eid, x, nil, ARGV[7] ~= '' and ARGV[7] or nil)
  return {1, x.s}
elseif op == 'retry' then
  if x.s == 'R' then return {2, x.s} end
  if x.s ~= 'F' or x.r > 0 or string.sub(call('HGET', x.key, '@z') or '', 1, 1) == '~' then return {0, x.s} end
  call('ZREM', p .. 'fin', eid)
  if ARGV[9] ~= '0' then call('ZADD', p .. 't', t + tonumber(ARGV[9]), 'D|' .. eid) end
  call('ZREM', p .. 'cx', eid)
  call('ZADD', p .. 'act', t, eid)
  alive(x.t, 1)
  call('HSET', x.key, '@s', 'R')
  call('HDEL', x.key, '@f', '@z')
  x.s = 'R'
  for line in lines(ARGV[5]) do
    local path, deps, route = match(line, '^([^\t]*)\t(%d+)\t(.*)$')
    local mark = string.sub(call('HGET', x.key, path) or '', 1, 1)
    if mark == 'f' or mark == 's' then x.n = call('HINCRBY', x.key, '@n', 1) end
    if mark ~= '' and string.find('fsqwtpoa', mark, 1, true) then
      if deps == '0' then ready(route .. '|' .. eid .. '/' .. path, x, next_try(eid, path) or '0.0.0.0')
      else wait_for(eid, path, deps) end
    end
  end
end
if op == 'interrupt' then tell(eid, x, 'pause') end
if op == 'pause' or op == 'resume' then tell(eid, x, op) end
note('K', eid, '', '0', op .. '\t' .. ARGV[8], x)
return {1, x.s}
