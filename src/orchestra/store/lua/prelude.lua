-- prelude: the state machine that every script of a partition shares
-- returns nothing: the loader puts those of these functions in front of a script that it uses
-- cost none by itself
--
-- KEYS[1] is always the prefix "o:{tag}:"; it never exists as a key, so a slot under key-by-key migration answers ASK to every
-- call. ARGV[1] is always `at`: '' means the server's TIME, a number is a simulator's. Lists are lines; columns are tabs.
-- item   "<class>|<queue>|<owner>/<path>"        owner: exe_… or msg_…/dlv_…     path: step, M[3], M[3]/search, ~step
-- token  "<n>.<u>.<k>.<c>.<session>"             n claims (fence), u tries used, k logical try, c crashes
-- state  w<deps>[,n.u.k.c] waiting   q<n.u.k.c>[@since] ready   p<…> parked   t<…> retry timer   a<…> awaiting   o<…> open scope
--        r<token> running  b<token> begun (at most once)  v<token> leased outside  h<token> held, outcome unknown
--        c<token> completed  f<token> failed  s<token> skipped  k<…> compensated
-- execution @s  N pending R running P paused B rolling back Z running its finally D completed F failed C cancelled L rolled back

local p, at = KEYS[1], ARGV[1]
local call, fmt, match = redis.call, string.format, string.match
local CLASS, HISTORY, JOURNAL = 281474976710656, 20000, 100000    -- 2^48 tags per class; entries kept at most
local function wall()
  if at ~= '' then return tonumber(at) end
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Partition clock: the server's clock, never backwards. A clock set back becomes an offset, not a stall.
local function now()
  local t, c = wall(), call('HMGET', p .. 'cur', '@off', '@last')
  local off, last = tonumber(c[1]) or 0, tonumber(c[2]) or 0
  t = t + off
  if t < last then
    call('HSET', p .. 'cur', '@off', off + last - t)
    return last
  end
  if t - last >= 250 then call('HSET', p .. 'cur', '@last', t) end
  return t
end
local function stream_id() return at == '' and '*' or fmt('%.0f-*', now()) end
local function lines(text) return string.gmatch(text, '[^\n]+') end
local function parse(item) return match(item, '^(%d+)|([^|]*)|([^/]+)/(.*)$') end      -- class, queue, owner, path
local function numbers(state) return match(state, '^(%a)(%d+)%.(%d+)%.(%d+)%.(%d+)') end
local function parent(path) return match(path, '^(.*)[/%[][^/%[]*$') end
local function home(owner, path)                          -- nested, compensating and closing steps keep x small
  return p .. (string.find(path, '[/%[~!]') and 'c:' or 'x:') .. owner
end
local function load(owner)
  local h = call('HMGET', p .. 'x:' .. owner, '@s', '@n', '@t', '@d', '@r', '@w', '@y', '@p', '@b', '@u')
  if not h[1] then return nil end
  return {s = h[1], n = tonumber(h[2]) or 0, t = h[3], d = h[4] or '', r = tonumber(h[5]) or 0,
          w = tonumber(h[6]) or 1000, y = h[7], p = h[8], b = h[9] or '', u = h[10], key = p .. 'x:' .. owner}
end

-- Live executions of a tenant, all and in the states that are counted: fields tenant, tenant|N, |P, |B of `live`. The rest run.
local function alive(field, n) if call('HINCRBY', p .. 'live', field, n) <= 0 then call('HDEL', p .. 'live', field) end end
local COUNTED = {N = true, P = true, B = true}
local function turn(x, s, ...)                            -- another state, and what is written with it
  if COUNTED[x.s] then alive(x.t .. '|' .. x.s, -1) end
  if COUNTED[s] then alive(x.t .. '|' .. s, 1) end
  x.s = s
  call('HSET', x.key, '@s', s, ...)
end

-- The journal is the outbox: written by the transition itself. The history is the same line, kept per execution.
local function note(k, owner, path, token, data, x)
  if string.sub(owner, 1, 4) ~= 'exe_' then return end
  local id = call('XADD', p .. 'ev', 'MAXLEN', '~', JOURNAL, stream_id(), 'k', k, 'x', owner, 's', path, 'a', token, 'd', data, 't', x.t)
  local len = call('RPUSH', p .. 'h:' .. owner, id .. '|' .. k .. '|' .. path .. '|' .. token .. '|' .. data)
  if len > HISTORY and (k == 'R' or k == 'C') then call('RPOP', p .. 'h:' .. owner) end
end
-- Start-time fair queueing (Goyal 1996) inside a strict priority class. cost = 1000 / weight of the tenant.
local function enqueue(item, tenant, cost)
  local class, queue = match(item, '^(%d+)|([^|]*)|')
  local vt, ready = p .. 'vt:' .. queue, p .. 'q:' .. queue
  local v = call('HMGET', vt, class, class .. ':' .. tenant)
  local tag = math.max(tonumber(v[1]) or 0, tonumber(v[2]) or 0)
  call('HSET', vt, class .. ':' .. tenant, tag + cost)
  call('ZADD', ready, class * CLASS + tag, item)
  if call('ZCARD', ready) == 1 then
    call('SADD', p .. 'qn', queue)                         -- names of queues that may hold something
    call('SPUBLISH', p .. 'wake', queue)
  end
end
-- What a step that ran before begins anew with: its fence never falls, its logical try is a new one.
local function next_try(owner, path)
  local state = call('HGET', home(owner, path), path) or ''
  local _, n, _, k = numbers(state)
  if n then call('HDEL', p .. 'r:' .. owner, '@q' .. path, path .. '!') end -- what it sent (request_keep), what it awaited
  return n and fmt('%d.0.%d.0', n, k + 1) or match(state, '^w%d+,(.+)$')
end
local function wait_for(owner, path, deps)
  local tries = next_try(owner, path)
  call('HSET', home(owner, path), path, 'w' .. deps .. (tries and ',' .. tries or ''))
end
local function over(s) return s == 'D' or s == 'F' or s == 'C' or s == 'L' end
local function gate(x, owner, path)                       -- may this ready step be worked on now?
  local mark = string.sub(path, 1, 1)
  if x.s == 'P' then return 'park' end
  if mark == '!' then return x.s == 'Z' and 'go' or 'drop' end
  if mark == '~' then return x.s == 'B' and 'go' or 'drop' end
  if x.s ~= 'R' and x.s ~= 'N' then return 'drop' end
  local up = parent(path)
  while up do                                             -- a closed scope takes its unstarted steps with it
    if string.sub(call('HGET', home(owner, up), up) or '', 1, 1) ~= 'o' then return 'drop' end
    up = parent(up)
  end
  return 'go'
end
local function grant(out, item, owner, path, tries, x, session, lease_ms)
  local n, u, k, c = match(tries, '^(%d+)%.(%d+)%.(%d+)%.(%d+)')
  local token = fmt('%d.%d.%d.%d.%s', n + 1, u, k, c, session)
  call('HSET', home(owner, path), path, (lease_ms > 0 and 'v' or 'r') .. token)
  if lease_ms > 0 then call('ZADD', p .. 't', now() + lease_ms, 'V|' .. item)
  else call('SADD', p .. 'wl:' .. session, item) end
  x.r = call('HINCRBY', x.key, '@r', 1)
  if x.s == 'N' then
    turn(x, 'R')
    note('B', owner, '', '0', '', x)
  end
  note('R', owner, path, token, session, x)
  local i = #out
  out[i + 1], out[i + 2], out[i + 3], out[i + 4], out[i + 5] = item, token, x.d, x.t, x.b
end
-- Which queues a claimer serves: their names as lines; "*" stands for all, "-name" takes one out again.
local function serving(queues)
  local out, all = {}, false
  for name in lines(queues) do
    if name == '*' then all = true
    elseif string.sub(name, 1, 1) == '-' then out[string.sub(name, 2)] = false
    else out[name] = true end
  end
  return function(queue)
    if out[queue] == nil then return all end
    return out[queue]
  end
end

-- A step became ready: park it, hand it to the caller (g: a claiming session), or queue it.
local function ready(item, x, tries, g)
  local class, queue, owner, path = parse(item)
  local may = gate(x, owner, path)
  if may == 'go' and g and g.sticky > 0 and g.serves(queue) then
    g.sticky = g.sticky - 1
    return grant(g.out, item, owner, path, tries, x, g.session, 0)
  end
  if may == 'park' then
    call('HSET', home(owner, path), path, 'p' .. match(tries, '^[%d.]+'))
    call('SADD', p .. 'pk:' .. owner, item)
  else
    call('HSET', home(owner, path), path, fmt('q%s@%.0f', match(tries, '^[%d.]+'), wall()))
    if may == 'go' then enqueue(item, x.t, x.w) end
  end
end

-- What happens to a parent happens to its children: one call into another partition each, asked for until it is made.
-- The generation keeps a late "pause" from overtaking a "resume".
local function tell(owner, x, op, only)
  local children = only and {only} or call('SMEMBERS', p .. 'k:' .. owner)
  if not children[1] then return end
  local t, generation = now(), call('HINCRBY', x.key, '@g', 1)
  for _, child in ipairs(children) do call('ZADD', p .. 't', t, fmt('K|%s|%d|%.0f|%s/%s', op, generation, t, owner, child)) end
end

-- Running calls of `what` (an execution, or "eid/scope") are to stop: in the next beat, and at once where it is heard.
local function stop(what)
  call('ZADD', p .. 'cx', now(), what)
  call('SPUBLISH', p .. 'wake', '!' .. what)
end

-- Nothing of an execution awaits a time or a signal any more: the timers of what did go with it.
local function unwait(owner)
  for _, item in ipairs(call('SMEMBERS', p .. 'aw:' .. owner)) do call('ZREM', p .. 't', 'A|' .. item) end
  call('UNLINK', p .. 'aw:' .. owner)
end

-- An awaiting step goes on: its time has come (kind W, for good: a signal comes too late now), or its answer is here (G).
local function woken(item, x, tries, kind, data, g)
  local _, _, owner, path = parse(item)
  call('ZREM', p .. 't', 'A|' .. item)
  call('SREM', p .. 'aw:' .. owner, item)
  if kind == 'W' then call('HSET', p .. 'r:' .. owner, path .. '!', '-') end
  note(kind, owner, path, '0', data, x)
  ready(item, x, tries, g)
end
local function finish(owner, x, s)
  local t = now()
  x.f = fmt('%.0f', t)
  turn(x, s, '@f', t)
  call('ZREM', p .. 'act', owner)
  call('ZADD', p .. 'fin', t, owner)
  alive(x.t, -1)
  call('ZREM', p .. 't', 'D|' .. owner)
  call('UNLINK', p .. 'pk:' .. owner)
  if x.r > 0 then stop(owner) end                          -- tell whoever still runs a step of it
  local more = call('HMGET', x.key, '@j', '@aw')
  if more[1] then call('SPUBLISH', p .. 'wake', '=' .. owner) end -- and whoever waits for the end
  if more[2] then unwait(owner) end
  if x.p then call('ZADD', p .. 't', t, 'N|' .. owner) end -- tell the parent, until it says it heard
  tell(owner, x, 'cancel')
  note('E', owner, '', '0', s, x)
end
local function close(owner, x, s, g)                      -- the end, after the finally steps if there are any
  if not x.y then return finish(owner, x, s) end
  if x.r > 0 then stop(owner) end
  turn(x, 'Z', '@e', s)
  call('HDEL', x.key, '@y')
  local item = x.y .. '|' .. owner .. '/!finally'
  x.y = nil
  ready(item, x, '0.0.0.0', g)
end

-- One compensation at a time, last completed first. Starts only when nothing forward is in flight.
local function undo_next(owner, x, g)
  if x.s ~= 'B' or x.r > 0 or x.u or call('SCARD', p .. 'k:' .. owner) > 0 then return end
  local entry = call('LINDEX', p .. 'u:' .. owner, -1)
  if not entry then return close(owner, x, 'L', g) end
  local route, path = match(entry, '^(%d+|[^|]*)|(.*)$')
  x.u = path
  call('HSET', x.key, '@u', path)
  ready(route .. '|' .. owner .. '/~' .. path, x, next_try(owner, '~' .. path) or '0.0.0.0', g)
end

-- otherwise: how it ends when there is nothing to undo; nil: rolled back all the same, because somebody asked for it.
local function roll_back(owner, x, g, otherwise)
  if otherwise and call('LLEN', p .. 'u:' .. owner) == 0 and call('SCARD', p .. 'k:' .. owner) == 0 then
    return close(owner, x, otherwise, g)
  end
  if over(x.s) then
    call('ZREM', p .. 'fin', owner)
    call('ZADD', p .. 'act', now(), owner)
    alive(x.t, 1)
    call('HDEL', x.key, '@f')
  end
  call('ZREM', p .. 't', 'D|' .. owner)
  turn(x, 'B')
  call('UNLINK', p .. 'pk:' .. owner)
  unwait(owner)
  if x.r > 0 then stop(owner) end
  tell(owner, x, 'rollback')
  note('K', owner, '', '0', 'rollback', x)
  undo_next(owner, x, g)
end
local function undo_top(owner, entry)                     -- each step is on the stack once; "-…" takes it off
  local off = match(entry, '^%-(.*)$')
  call('LREM', p .. 'u:' .. owner, 0, off or entry)
  if not off then call('RPUSH', p .. 'u:' .. owner, entry) end
end
local function claim_from(session, max, serves, lease_ms, out)
  local budget = max + 256                                -- stale entries are dropped here, but never without end
  local names = call('SMEMBERS', p .. 'qn')
  table.sort(names)
  local turn = #names > 1 and now() % #names or 0           -- no queue is always the first
  for i = 1, #names do
    local queue = names[(i + turn - 1) % #names + 1]
    local key, served = p .. 'q:' .. queue, {}
    while max > 0 and budget > 0 and serves(queue) do
      local popped = call('ZPOPMIN', key, max)
      if not popped[1] then
        call('UNLINK', p .. 'vt:' .. queue)               -- an idle queue forgets who had how much
        call('SREM', p .. 'qn', queue)
        break
      end
      for j = 1, #popped, 2 do
        local item = popped[j]
        local class, _, owner, path = parse(item)
        budget = budget - 1
        served[class] = popped[j + 1] - class * CLASS
        local x, state = load(owner), call('HGET', home(owner, path), path)
        if x and state and string.sub(state, 1, 1) == 'q' then
          local may = gate(x, owner, path)
          if may == 'go' then
            max = max - 1
            grant(out, item, owner, path, string.sub(state, 2), x, session, lease_ms)
          elseif may == 'park' then ready(item, x, string.sub(state, 2)) end
        end
      end
    end
    if call('EXISTS', key) == 1 then for class, tag in pairs(served) do call('HSET', p .. 'vt:' .. queue, class, tag) end end
    if max <= 0 or budget <= 0 then break end
  end
  return out
end

-- Take an item from whoever held it. r: back to ready. b: outcome unknown, held for a decision.
local function recover(item, why)
  local class, queue, owner, path = parse(item)
  local x, key = load(owner), home(owner, path)
  local state = x and call('HGET', key, path)
  local mark = state and string.sub(state, 1, 1)
  if mark ~= 'r' and mark ~= 'b' and mark ~= 'v' then return 0 end
  local _, n, u, k, c = numbers(state)
  x.r = call('HINCRBY', x.key, '@r', -1)
  if mark == 'b' then
    call('HSET', key, path, 'h' .. string.sub(state, 2))
    call('HSETNX', p .. 'r:' .. owner, path .. '!', '')
    note('H', owner, path, string.sub(state, 2), why, x)
  else
    local tries = fmt('%d.%d.%d.%d', n, u, k, c + 1)
    note('L', owner, path, string.sub(state, 2), why, x)
    ready(item, x, tries)
  end
  undo_next(owner, x)
  return 1
end
