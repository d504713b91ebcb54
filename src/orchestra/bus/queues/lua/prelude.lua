-- prelude: what every decision about a queue shares
-- returns nothing: the loader puts in front of a script those of these functions that it uses, and no others
-- cost none by itself
--
-- KEYS[1] is the prefix of a partition, "o:{tag}:"; it never exists as a key. ARGV[1] is `at`: '' means the server's TIME,
-- a number is the virtual clock of a simulator. ARGV[2] is `queue`, "<tenant>:<name>". Under "<prefix>mq:<queue>:"
--   c  HASH made, tries, lost, lease, depth, backoff (waits in ms, with commas), spread, seq (arrivals so far), dseq (burials so far),
--     alone (see parked), bytes (see weighed)
--   b  HASH id -> body              f  HASH id -> facts: state|class|arrival|tries|born|due|lost|token|group
--   r  ZSET ready: class * 2^48 + arrival     l  ZSET leased: until when     d  ZSET delayed: until when
--   w  ZSET waiting for their turn in a group: "<group> NUL <arrival, 16 digits> NUL <id>", all of one score, so by name
--   h  HASH group -> id of its head, which is ready, delayed or leased
--   z  ZSET dead: burial            e  HASH id -> failed, lost or buried|why   j  HASH the last redrive
--   n  HASH how often what happened since the queue was made
-- A message is in exactly one of r l d w z, and its state is that letter. A message without a group is never in w.
-- A queue that is spread has a part like this in every partition; the one of its name is its home.
-- `lost` counts leases that ran out in a row. A name that begins with ~ is a module's own.
-- Beside them: mqs:<tenant> SET of names, mqi:<tenant> of the modules' own; mqa SET of queues here
-- that are told of, see queue_tell; mqj SET of queues with a redrive that runs; i:<digest> what a repeat finds.

local p, at = KEYS[1], ARGV[1]
local call, fmt, match = redis.call, string.format, string.match
local q = p .. 'mq:' .. ARGV[2] .. ':'
local CLASS, DEAD_MAX, DEAD_MS, BITE, LOOKED = 281474976710656, 10000, 1209600000, 500, 2000
local FAR = 4503599627370496

-- Partition clock: the server's clock, never backwards; the same that the state machine of the steps has.
local function now()
  local t = tonumber(at)
  if not t then
    local time = call('TIME')
    t = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  local c = call('HMGET', p .. 'cur', '@off', '@last')
  local off, last = tonumber(c[1]) or 0, tonumber(c[2]) or 0
  t = t + off
  if t < last then
    call('HSET', p .. 'cur', '@off', off + last - t)
    t = last
  elseif t - last >= 250 then
    call('HSET', p .. 'cur', '@last', t)
  end
  return t
end

local function exists() return call('EXISTS', q .. 'c') == 1 end

local function fetch(id)
  local text = call('HGET', q .. 'f', id)
  if not text then return nil end
  local s, class, seq, tries, born, due, lost, token, group = match(text, '^(%a)|(%d)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|(.*)$')
  return {id = id, s = s, class = tonumber(class), seq = tonumber(seq), tries = tonumber(tries), born = tonumber(born),
          due = tonumber(due), lost = tonumber(lost), token = token, group = group}
end

local function keep(m)
  local numbers = fmt('%s|%d|%.0f|%d|%.0f|%.0f|%d|', m.s, m.class, m.seq, m.tries, m.born, m.due, m.lost)
  call('HSET', q .. 'f', m.id, numbers .. m.token .. '|' .. m.group)
end

-- It happened n times. sent + redriven = acked + dead + what is there.
local function tally(what, n)
  if n > 0 then call('HINCRBY', q .. 'n', what, n) end
end

local function wake() call('SPUBLISH', p .. 'mqw', ARGV[2]) end

-- Whether it must wait, as one more lost lease would bury it: it may have died beside the one that kills. Of those
-- only one is to be received or in flight, `alone`; so who did nothing is done, and only the killer dies with its worker.
local function parked(m)
  return m.lost > 0 and m.lost >= call('HGET', q .. 'c', 'lost') - 1 and call('HSETNX', q .. 'c', 'alone', m.id) == 0
    and call('HGET', q .. 'c', 'alone') ~= m.id
end

-- To be received: now, or when it is due. It keeps its arrival, so what comes again is where it was.
local function line_up(m, t)
  m.token = ''
  if m.due > t then
    m.s = 'd'
    call('ZADD', q .. 'd', m.due, m.id)
    if call('ZRANGE', q .. 'd', 0, 0)[1] == m.id then wake() end   -- who waits, waits for less long
  elseif parked(m) then
    m.s = 'd'
    call('ZADD', q .. 'd', fmt('%.0f', FAR + m.seq), m.id)
  else
    m.s = 'r'
    call('ZADD', q .. 'r', fmt('%.0f', m.class * CLASS + m.seq), m.id)
    if call('ZCARD', q .. 'r') == 1 then wake() end
  end
  keep(m)
end

-- Its lease is over, one way or another: when it was `alone`, the next one is.
local function release(m, t)
  if m.lost == 0 or call('HGET', q .. 'c', 'alone') ~= m.id then return end
  call('HDEL', q .. 'c', 'alone')
  local first = call('ZRANGEBYSCORE', q .. 'd', FAR, '+inf', 'LIMIT', 0, 1)[1]
  if first then
    call('ZREM', q .. 'd', first)
    line_up(fetch(first), t)
  end
end

-- A new message: the head of its group, or behind it.
local function enter(m, t)
  if m.group ~= '' and call('HSETNX', q .. 'h', m.group, m.id) == 0 then
    m.s = 'w'
    call('ZADD', q .. 'w', 0, m.group .. '\0' .. fmt('%016.0f', m.seq) .. '\0' .. m.id)
    return keep(m)
  end
  line_up(m, t)
end

-- The head of a group is gone for good: the next one's turn.
local function follow(group, t)
  if group == '' then return end
  local first = call('ZRANGEBYLEX', q .. 'w', '[' .. group .. '\0', '(' .. group .. '\1', 'LIMIT', 0, 1)[1]
  if not first then
    call('HDEL', q .. 'h', group)
    return
  end
  call('ZREM', q .. 'w', first)
  local id = match(first, '([^%z]*)$')
  call('HSET', q .. 'h', group, id)
  line_up(fetch(id), t)
end

-- How many bytes lie in it, the dead ones with them, is known of a queue of a module's own.
local weighed = match(ARGV[2], ':(.?)') == '~'

local function forget(id)
  if weighed then call('HINCRBY', q .. 'c', 'bytes', -call('HSTRLEN', q .. 'b', id)) end
  call('HDEL', q .. 'b', id)
  call('HDEL', q .. 'f', id)
end

-- Dead letters that are too many or too old go, the oldest first.
local function trim(t)
  for _ = 1, BITE do
    local id = call('ZRANGE', q .. 'z', 0, 0)[1]
    if not id or call('ZCARD', q .. 'z') <= DEAD_MAX and fetch(id).due >= t - DEAD_MS then return end
    call('ZREM', q .. 'z', id)
    call('HDEL', q .. 'e', id)
    forget(id)
  end
end

-- Tried often enough. `due` becomes the time of death.
local function bury(m, kind, why, t)
  m.s, m.token, m.due = 'z', '', t
  call('ZADD', q .. 'z', call('HINCRBY', q .. 'c', 'dseq', 1), m.id)
  call('HSET', q .. 'e', m.id, kind .. '|' .. why)
  keep(m)
  follow(m.group, t)
  trim(t)
end

-- Back from the dead, at the end of the line, once.
local function put_back(id, t)
  if call('ZREM', q .. 'z', id) == 0 then return 0 end
  call('HDEL', q .. 'e', id)
  local m = fetch(id)
  m.tries, m.lost, m.due, m.seq = 0, 0, 0, call('HINCRBY', q .. 'c', 'seq', 1)
  enter(m, t)
  return 1
end

-- Whether a dead letter is one of those that a filter names: '' or JSON with kind, error, group, since, until.
local function filter(text)
  local f = text ~= '' and cjson.decode(text) or {}
  return function(m)
    local told = call('HGET', q .. 'e', m.id) or ''
    local kind, why = match(told, '^(%a*)|(.*)$')
    return (not f.kind or kind == f.kind) and (not f.group or m.group == f.group) and m.due >= (f.since or 0)
      and (not f['until'] or m.due < f['until']) and (not f.error or string.find(string.lower(why), f.error, 1, true))
  end
end

-- What became due: delayed messages, and leases that ran out.
local function advance(t)
  for _, id in ipairs(call('ZRANGEBYSCORE', q .. 'd', '-inf', t, 'LIMIT', 0, BITE)) do
    call('ZREM', q .. 'd', id)
    line_up(fetch(id), t)
  end
  local lost = call('ZRANGEBYSCORE', q .. 'l', '-inf', t, 'LIMIT', 0, BITE)
  local dead, most = 0, lost[1] and call('HMGET', q .. 'c', 'tries', 'lost')
  for _, id in ipairs(lost) do
    call('ZREM', q .. 'l', id)
    local m = fetch(id)
    release(m, t)
    m.lost = m.lost + 1
    if m.tries >= tonumber(most[1]) or m.lost >= tonumber(most[2]) then
      dead = dead + 1
      bury(m, 'lost', 'the lease ran out: its worker died, or was too slow', t)
    else
      line_up(m, t)
    end
  end
  tally('expired', #lost)
  tally('retried', #lost - dead)
  tally('dead', dead)
end

-- The queue is made here, or gone from here. Of a part that is not the home only the figures are told.
local function register(command, home)
  local tenant, name = match(ARGV[2], '^([^:]*):(.*)$')
  local own = string.sub(name, 1, 1) == '~'
  if home then call(command, p .. (own and 'mqi:' or 'mqs:') .. tenant, name) end
  if not own then call(command, p .. 'mqa', ARGV[2]) end
end

-- The message that a receipt stands for, when it is still held by it.
local function held(id, token)
  local m = fetch(id)
  return m and m.s == 'l' and m.token == token and m or nil
end

local function depth()
  return call('ZCARD', q .. 'r') + call('ZCARD', q .. 'l') + call('ZCARD', q .. 'd') + call('ZCARD', q .. 'w')
end

local function job() return call('HMGET', q .. 'j', 'id', 'state', 'moved', 'total', 'per_s', 'began', 'ended') end
