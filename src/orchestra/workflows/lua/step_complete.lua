-- step_complete: record what happened to a claimed step, once; set what follows; claim more work
-- args: item token out record sticky max queues delay_ms bump end escalate undo succ spawn emit vars told
-- prelude: yes
-- flags: allow-oom
--   out      C completed  F failed  S skipped | Y retry after delay_ms  A await: a time, delay_ms from now, or an answer
--              until then; spawn is "signal\tname", "child\tid" or ''. record is kept
--            H hold, outcome unknown | O open a scope: spawn lists its steps, or "map\tN\twindow\troute"; a line
--              "join\twins\tlosses" before them: decided as soon as so many completed, or more failed. record is kept
--   bump     1 when the outcome was definite: the next try gets a new idempotency key
--   end      '' | F fail the execution | B roll it back        escalate 1: the enclosing scope decides now
--   undo     '' | "class|queue|path": top of the undo stack | "-…": take it off (every try failed for certain: u = k, c = 0)
--   succ     lines "path\troute"
--   spawn    lines "path\tdeps\troute"                          emit     '' | one event envelope
--   vars     lines "name\tjson"
--   told     what the journal says of a step that is done: "agent\tqueued ms\tran ms\ttokens in\tout\tmillionths of a USD"
--   sticky   how many steps that become ready here are claimed at once      max, queues: how many others, and from where
-- returns {1, state of the execution (with its end in ms when it ended here), item, token, def, tenant, body, …} with the work claimed; {2} applied before;
--         {0, state} somebody else owns or finished the step: nothing changed but a "late" entry in the journal
-- repeats {2}; work the lost reply carried is found by session_held
-- cost O(successors + spawned + max)

local item, token, out, record = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local class, queue, owner, path = parse(item)
local key, results = home(owner, path), p .. 'r:' .. owner
local state = call('HGET', key, path) or ''
local mark, n, u, k, c = string.sub(state, 1, 1), match(token, '^(%d+)%.(%d+)%.(%d+)%.(%d+)')
local becomes = ({C = 'c', F = 'f', S = 's', Y = 't', A = 'a', H = 'h', O = 'o'})[out]
local again = state == becomes .. token and becomes ~= 'h' or (out == 'Y' or out == 'A' or out == 'O')
  and mark == becomes and match(state, '^%a(%d+)') == n
if again then return {2} end
if not (mark == 'r' or mark == 'b' or mark == 'v' or mark == 'h') or string.sub(state, 2) ~= token then
  local x = load(owner)
  if x then note('Z', owner, path, token, out .. ' ' .. string.sub(record, 6, 4101), x) end
  return {0, state}
end
local x = load(owner)
local session = match(token, '([^.]*)$')
local g = {sticky = tonumber(ARGV[6]), max = tonumber(ARGV[7]), session = session, serves = serving(ARGV[8]), out = {1, ''}}
if (g.max > 0 or g.sticky > 0) and not call('ZSCORE', p .. 'wk', session) then g.max, g.sticky = 0, 0 end
if mark == 'v' then call('ZREM', p .. 't', 'V|' .. item) else call('SREM', p .. 'wl:' .. session, item) end
if mark ~= 'h' then x.r = call('HINCRBY', x.key, '@r', -1) end
if out == 'H' and mark == 'h' then return {2} end
local forward, kind = x.s == 'N' or x.s == 'R' or x.s == 'P', string.sub(path, 1, 1)
local counts = forward or (x.s == 'B' and kind == '~') or (x.s == 'Z' and kind == '!')
local kept, child, signal = out == 'A' and ARGV[15] or ''
if kept ~= '' then child, signal = match(kept, '^child\t(.*)$'), match(kept, '^signal\t(.*)$') end
if child and x.s ~= 'R' and x.s ~= 'N' then               -- the child came too late for what became of us
  tell(owner, x, x.s == 'P' and 'pause' or (x.s == 'B' or x.s == 'L') and 'rollback' or 'cancel', child)
end
if not counts and becomes ~= 'c' and becomes ~= 's' then                -- nothing will follow it any more
  if out == 'A' then record = '' end
  out, becomes = 'F', 'f'
end

if ARGV[13] ~= '' then undo_top(owner, ARGV[13]) end
local tries = fmt('%d.%d.%d.%d', n, u, k, c)
if out == 'Y' then
  tries = fmt('%d.%d.%d.%d', n, u + 1, k + tonumber(ARGV[10]), c)
  call('HSET', key, path, 't' .. tries)
  call('ZADD', p .. 't', now() + tonumber(ARGV[9]), 'R|' .. item)
  note('Y', owner, path, token, string.sub(record, 6), x)    -- without the frame of store/frames.py: people read it
elseif out == 'A' then
  call('HSETNX', results, path .. '!', '')
  if record ~= '' then call('HSET', results, path, record) end
  if child then
    call('HSET', results, path .. '>', child)
    call('SADD', p .. 'k:' .. owner, child)
  end
  call('HSET', key, path, 'a' .. tries)
  note('A', owner, path, token, string.sub(record, 6), x)
  if (call('HGET', results, signal and '@!' .. signal or path .. '!') or '') ~= '' then       -- the answer was here before us
    woken(item, x, tries, 'G', signal or '', g)
  elseif tonumber(ARGV[9]) > 0 then
    call('ZADD', p .. 't', now() + tonumber(ARGV[9]), 'A|' .. item)
    call('SADD', p .. 'aw:' .. owner, item)
    call('HSET', x.key, '@aw', 1)
  end
elseif out == 'H' then
  call('HSETNX', results, path .. '!', '')
  call('HSET', key, path, 'h' .. token)
  note('H', owner, path, token, record, x)
elseif out == 'O' then
  local count, first = 0, {}
  call('HSET', key, path, 'o' .. tries)
  call('ZREM', p .. 'cx', owner .. '/' .. path)
  local total, window, route = match(ARGV[15], '^map\t(%d+)\t(%d+)\t(.*)$')
  if total then
    count = tonumber(total)
    local start = math.min(count, tonumber(window))
    call('HSET', key, path .. '@', start, path .. '#', count, path .. '$', route)
    for i = 0, start - 1 do first[#first + 1] = {route .. '|' .. owner .. '/' .. path .. '[' .. i .. ']', path .. '[' .. i .. ']'} end
  else
    for line in lines(ARGV[15]) do
      local name, deps, to = match(line, '^([^\t]*)\t(%d+)\t(.*)$')
      if name == 'join' then
        call('HSET', key, path .. '+', deps, path .. '-', to)
      else
        count = count + 1
        if deps == '0' then first[#first + 1] = {to .. '|' .. owner .. '/' .. name, name}
        else wait_for(owner, name, deps) end
      end
    end
  end
  call('HSET', key, path .. ':', count)
  if record ~= '' then call('HSET', results, path, record) end
  note('O', owner, path, token, tostring(count), x)
  for _, child in ipairs(first) do ready(child[1], x, next_try(owner, child[2]) or '0.0.0.0', g) end
  if count == 0 then ready('1|@engine|' .. owner .. '/' .. path, x, tries, g) end         -- all in it was done before
else
  call('HSET', key, path, becomes .. token)
  if record ~= '' then call('HSET', results, path, record) end
  note(out, owner, path, token, ARGV[18], x)
  if counts then
    for line in lines(ARGV[17]) do call('HSET', results, '$' .. match(line, '^[^\t]*'), match(line, '\t(.*)$')) end
    if ARGV[16] ~= '' then
      call('XADD', p .. 'pub', 'MAXLEN', '~', JOURNAL, stream_id(), 'o', 'engine', 't', x.t, 'e', ARGV[16])
    end
  end
  if kind == '~' and x.s == 'B' then
    call('HDEL', x.key, '@u')
    x.u = nil
    if out == 'F' then
      call('HSET', x.key, '@x', call('HGET', x.key, '@z') or '', '@z', path)   -- @x: what it is rolled back for
      close(owner, x, 'F', g)
    else
      local undone = string.sub(path, 2)
      local was = call('HGET', home(owner, undone), undone)
      call('RPOP', p .. 'u:' .. owner)
      if was then call('HSET', home(owner, undone), undone, 'k' .. string.sub(was, 2)) end
    end
  elseif not counts and kind ~= '~' and kind ~= '!' and not parent(path) then
    call('HINCRBY', x.key, '@n', -1)                        -- done, if too late: retry counts from here
  elseif path == '!finally' and x.s == 'Z' then
    finish(owner, x, call('HGET', x.key, '@e'))
  elseif counts then
    if ARGV[11] == '' then
      for line in lines(ARGV[14]) do
        local name, route = match(line, '^([^\t]*)\t(.*)$')
        local deps, tries = match(call('HGET', home(owner, name), name) or '', '^w(%d+),?(.*)$')
        if deps == '1' then ready(route .. '|' .. owner .. '/' .. name, x, tries == '' and '0.0.0.0' or tries, g)
        elseif deps then call('HSET', home(owner, name), name, 'w' .. deps - 1 .. (tries == '' and '' or ',' .. tries)) end
      end
    end
    local up = parent(path)
    if up then
      local scope = home(owner, up)
      local left, decided = call('HINCRBY', scope, up .. ':', -1), ARGV[12] == '1'
      local tally = out == 'C' and '+' or out == 'F' and '-'
      if tally and call('HEXISTS', scope, up .. tally) == 1 then
        local more = call('HINCRBY', scope, up .. tally, -1)
        decided = decided or tally == '+' and more == 0 or tally == '-' and more < 0
      end
      local index = match(path, '%[(%d+)%]$')
      if index then
        call('HDEL', p .. 'm:' .. owner, path)
        local m = call('HMGET', scope, up .. '@', up .. '#', up .. '$')
        if m[1] and tonumber(m[1]) < tonumber(m[2]) and not decided then
          call('HSET', scope, up .. '@', m[1] + 1)
          ready(m[3] .. '|' .. owner .. '/' .. up .. '[' .. m[1] .. ']', x, '0.0.0.0', g)
        end
      end
      local open = call('HGET', scope, up) or ''
      if (left == 0 or decided) and string.sub(open, 1, 1) == 'o' then
        if left > 0 then stop(owner .. '/' .. up) end
        ready('1|@engine|' .. owner .. '/' .. up, x, string.sub(open, 2), g)
      end
    elseif kind ~= '!' and kind ~= '~' then
      x.n = call('HINCRBY', x.key, '@n', -1)
    end
    if ARGV[11] ~= '' then call('HSET', x.key, '@z', path) end
    if ARGV[11] == 'F' then close(owner, x, 'F', g)
    elseif ARGV[11] == 'B' then roll_back(owner, x, g, 'F')
    elseif x.n == 0 and forward then close(owner, x, 'D', g) end
  end
end
undo_next(owner, x, g)
if g.max > 0 and ARGV[8] ~= '' then claim_from(session, g.max, g.serves, 0, g.out) end
g.out[2] = x.f and x.s .. x.f or x.s
return g.out
