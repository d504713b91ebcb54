-- queue_receive: lease the first messages in line
-- args: queue token max lease_ms keep_ms spread
-- prelude: yes
-- flags: allow-oom
--   token     random, names this call and is the secret of its leases       lease_ms  '' the queue's
--   keep_ms   how long a repeat of the call is known                        spread    '1' when the caller takes it for spread
-- returns {1, ms until more may be there or '', id, tries, born, group, body, …}; {-1} there is no such queue;
--   {-2} spread is not as he thinks
-- repeats the messages of the first time that are still leased by it
-- cost O(log depth) a message, and what became due; about 8 MiB at most

local c = call('HMGET', q .. 'c', 'made', 'spread', 'lease')
if not c[1] then return {-1} end
if (c[2] or '0') ~= ARGV[7] then return {-2} end
local t, token, out, size = now(), ARGV[3], {1, ''}, 0
local function add(m)
  local body, i = call('HGET', q .. 'b', m.id), #out
  out[i + 1], out[i + 2], out[i + 3], out[i + 4], out[i + 5] = m.id, m.tries, fmt('%.0f', m.born), m.group, body
  size = size + #body
end
local before = call('GET', p .. 'i:' .. token)
if before then
  for id in string.gmatch(before, '[^,]+') do
    local m = held(id, token)
    if m then add(m) end
  end
  return out
end
advance(t)
local lease, ids = tonumber(ARGV[5]) or tonumber(c[3]), {}
while #ids < tonumber(ARGV[4]) and size < 8388608 do
  local id = call('ZPOPMIN', q .. 'r')[1]
  if not id then break end
  local m = fetch(id)
  m.s, m.token, m.tries, m.due = 'l', token, m.tries + 1, 0
  call('ZADD', q .. 'l', t + lease, id)
  keep(m)
  add(m)
  ids[#ids + 1] = id
end
if ids[1] then
  tally('received', #ids)
  call('SET', p .. 'i:' .. token, table.concat(ids, ','), 'PX', ARGV[6])
else
  local soon
  for _, key in ipairs({'d', 'l'}) do
    local due = tonumber(call('ZRANGE', q .. key, 0, 0, 'WITHSCORES')[2])
    if due and (not soon or due < soon) then soon = due end
  end
  out[2] = soon and math.max(soon - t, 0) or ''
end
return out
