-- prelude: what every decision about a pool of agents shares
-- returns nothing: the loader puts in front of a script those of these functions that it uses, and no others
-- cost none by itself
--
-- KEYS[1] is the prefix of a pool, "o:a:{tenant/agent_type}:"; it never exists as a key. ARGV[1] is `at`: '' means the
-- server's TIME, a number is the virtual clock of a simulator. Under the prefix:
--   load  ZSET agent -> score          conf HASH agent -> max:weight:tier:rpm:tpm     inf  HASH agent -> slots in use
--   lease ZSET agent|lease|session -> give-up time; session "-": the lease belongs to a task, not to a replica
--   ses   ZSET session -> alive until  hb   ZSET agent -> alive until                 gate HASH agent -> not before
--   ewma  HASH agent -> ms:at          brk  HASH agent -> state:fails:trips:bucket:ok0:bad0:ok1:bad1:k   open SET gated by failure
--   rate  HASH agent -> TAT of requests:TAT of tokens     cap:<name> SET of agents    caps HASH agent -> its names, a line each
--   seq   picks so far                 rb   HASH n, at: retry budget
--   ev    STREAM of what happened to agents: t type, tn tenant, a agent, d JSON, at ms; about 10,000 entries
--   ttl   HASH agent -> ms a heartbeat is good for: those that push    said HASH agent -> JSON of its last heartbeat
--   chk   HASH agent -> fails|oks|trips|down|at|ms|outcome|message: its checks; down 1: they opened the breaker, 2: by a refused credential
--   st    HASH agent -> state last told|since|reason          dr   SET of agents to be told of as drained when their last slot is free
--   watch HASH session, until, at: who looks after the pool, and when somebody last did
--   tk:<task> HASH of an attempt that is answered later: s state (q queued, r running, d done, l lost, x given up),
--        l lease, f fence, w session that waits, n last seq, o leases before, g agent, u deadline, e envelope; ends by TTL
--   tq:<agent> ZSET of queued tasks by priority, arrival     tn   arrivals so far     tl   ZSET task -> its lease ends
--   tp:<agent> ZSET session -> polls until      tm:<session> STREAM of mail for a replica that waits; ends by TTL
-- Scores are exact in a double: tier * 2^48 + utilisation (20 bits) * 2^28 + pick (28 bits).

local p, at = KEYS[1], ARGV[1]
local call, fmt, match, floor = redis.call, string.format, string.match, math.floor
local TIER, LOAD, SESSION_MS = 281474976710656, 268435456, 3000

local function clock()
  if at ~= '' then return tonumber(at) end
  local t = call('TIME')
  return t[1] * 1000 + floor(t[2] / 1000)
end

local now = clock()

local function number(key, field) return tonumber(call('HGET', p .. key, field) or '0') end

local function conf(text)
  local max, weight, tier, rpm, tpm = match(text or '', '^(%d+):(%d+):(%d+):(%d+):(%d+)$')
  if not max then return nil end
  return {max = tonumber(max), weight = tonumber(weight), tier = tonumber(tier), rpm = tonumber(rpm), tpm = tonumber(tpm)}
end

-- Lowest tier first, then least used, then least recently picked.
local function rescore(agent, used, c, pick)
  local load = math.min(floor(used * 1000000 / (c.max * c.weight)), 1048575)
  call('ZADD', p .. 'load', fmt('%.0f', c.tier * TIER + load * LOAD + pick % LOAD), agent)
end

-- Says what happened to an agent, in the same decision as what happened: the stream is the outbox. `data` is a table or nil.
-- A state that was told already is not told again. Scripts of the registry name the tenant; a pool's prefix has it.
local TOLD = {['agent.healthy'] = 'healthy', ['agent.recovered'] = 'healthy', ['agent.unhealthy'] = 'unhealthy',
  ['agent.stale'] = 'stale', ['agent.offline'] = 'offline', ['agent.misconfigured'] = 'misconfigured'}

local function tell_of(tenant, kind, agent, data)
  call('XADD', p .. 'ev', 'MAXLEN', '~', '10000', '*', 't', kind, 'tn', tenant, 'a', agent,
    'd', data and cjson.encode(data) or '{}', 'at', fmt('%d', now))
end

local function tell(kind, agent, data)
  local state = TOLD[kind]
  if state then
    if match(call('HGET', p .. 'st', agent) or '', '^([^|]*)') == state then return false end
    call('HSET', p .. 'st', agent, table.concat({state, fmt('%d', now), data and data.reason or ''}, '|'))
  end
  tell_of(match(p, '{(.*)/[^/]*}:$'), kind, agent, data)
  return true
end

-- When heartbeats are judged: now, but while nobody looked after the pool nobody could be heard either.
local function judged()
  return math.min(now, tonumber(call('HGET', p .. 'watch', 'at') or now) + 3000)
end

-- An agent that was late is heard again.
local function back(agent)
  local state = match(call('HGET', p .. 'st', agent) or '', '^([^|]*)')
  if state ~= 'stale' and state ~= 'offline' then return end
  if string.sub(call('HGET', p .. 'brk', agent) or 'c', 1, 1) == 'o' then
    tell('agent.unhealthy', agent, {reason = 'it is heard again, and its breaker is still open'})
  else
    tell('agent.recovered', agent, {reason = 'it is heard again'})
  end
end

-- Gives one slot back, once: whoever removes the lease does the counting.
local function give_back(member)
  if call('ZREM', p .. 'lease', member) == 0 then return false end
  local agent = match(member, '^([^|]*)|')
  local used = call('HINCRBY', p .. 'inf', agent, -1)
  local c = conf(call('HGET', p .. 'conf', agent))
  if c then
    rescore(agent, used, c, tonumber(call('ZSCORE', p .. 'load', agent) or '0') % LOAD)
  elseif used <= 0 then
    call('HDEL', p .. 'inf', agent)
    if call('SREM', p .. 'dr', agent) == 1 then tell('agent.drained', agent) end
  end
  return true
end

local function reap_session(session)
  local n, tail = 0, '|' .. session
  for _, member in ipairs(call('ZRANGE', p .. 'lease', 0, -1)) do
    if string.sub(member, -#tail) == tail and give_back(member) then n = n + 1 end
  end
  call('ZREM', p .. 'ses', session)
  return n
end

local function renew(session)
  if session ~= '-' then call('ZADD', p .. 'ses', now + SESSION_MS, session) end
end

-- Bounded work: 32 lapsed leases and one dead session a call.
local function reap()
  local n = 0
  for _, member in ipairs(call('ZRANGEBYSCORE', p .. 'lease', '-inf', now, 'LIMIT', 0, 32)) do
    if give_back(member) then n = n + 1 end
  end
  local dead = call('ZRANGEBYSCORE', p .. 'ses', '-inf', now, 'LIMIT', 0, 1)[1]
  if dead then n = n + reap_session(dead) end
  if n > 0 then call('SPUBLISH', p .. 'free', n) end
  return n
end

-- GCRA with a burst of ten seconds' quota, at least one request. Returns the wait, or 0 and the two new theoretical arrival times.
local function rate(agent, c, tokens)
  local r, t = match(call('HGET', p .. 'rate', agent) or '0:0', '^([%d%.]+):([%d%.]+)$')
  r, t = math.max(tonumber(r), now), math.max(tonumber(t), now)
  local wait = 0
  if c.rpm > 0 then
    wait = math.max(wait, r - now - math.max(10000 - 60000 / c.rpm, 0))
    r = r + 60000 / c.rpm
  end
  if c.tpm > 0 then
    wait = math.max(wait, t - now - 10000)
    t = t + tokens * 60000 / c.tpm
  end
  return math.ceil(wait), r, t
end

-- Tells the replica that waits for an attempt: k is f (a frame), h (it lives), d (done), l (lost).
local function mail(session, kind, lease, text)
  local box = p .. 'tm:' .. session
  call('XADD', box, 'MAXLEN', '~', 100000, '*', 'k', kind, 'l', lease, 'x', text)
  call('PEXPIRE', box, 60000)
end

-- Attempts whose worker was silent for too long are lost. Bounded work: 32 a call.
local function lapse()
  for _, task in ipairs(call('ZRANGEBYSCORE', p .. 'tl', '-inf', now, 'LIMIT', 0, 32)) do
    call('ZREM', p .. 'tl', task)
    local r = call('HMGET', p .. 'tk:' .. task, 's', 'l', 'w')
    if r[1] == 'r' then
      call('HSET', p .. 'tk:' .. task, 's', 'l')
      mail(r[3], 'l', r[2], '')
    end
  end
end

-- Whether an attempt may say something: its state, the replica that waits, what it said last; or why not.
local function attempt(task, lease, fence)
  local r = call('HMGET', p .. 'tk:' .. task, 's', 'l', 'f', 'w', 'n', 'o', 'g')
  if not r[1] then return nil, 'gone' end
  if r[2] ~= lease then
    if r[6] and string.find(r[6], lease, 1, true) then return nil, 'superseded' end
    return nil, 'refused'
  end
  if r[3] ~= fence then return nil, 'superseded' end
  return {s = r[1], w = r[4], n = tonumber(r[5] or '-1'), g = r[7]}
end
