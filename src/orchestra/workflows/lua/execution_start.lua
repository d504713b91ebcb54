-- execution_start: accept an execution; refused over maxmemory, before anything is written
-- args: eid definition tenant cost delay_ms idem idem_digest idem_ttl_ms deadline_ms on_late last parent input steps session sticky queues watch
-- prelude: yes
--   on_late F or B; last: the finally steps, '' or a route "class|queue"; parent '' or "eid/path"; steps: lines "path\tdeps\troute"
--   session sticky queues: up to sticky first steps are claimed by this session at once, where nobody queues before them
--   watch 1: somebody waits for the end; it is called out on the wake channel
-- returns {1, eid, item, token, def, tenant, body, …} created, with the work claimed; {0, eid} this eid exists; {2, eid0} same key, same body; {3, eid0} same key, other body
-- repeats same eid or same key: nothing is written
-- cost O(steps)

local eid, def, tenant, cost, delay = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local idem, digest, deadline = ARGV[7], ARGV[8], tonumber(ARGV[10])
local key = p .. 'x:' .. eid
if call('EXISTS', key, p .. 'a:' .. eid) > 0 then return {0, eid} end
if idem ~= '' then
  local known = call('GET', p .. 'i:' .. idem)
  if known then
    local first, body = match(known, '^(%S+) (.*)$')
    return {body == digest and 2 or 3, first}
  end
  call('SET', p .. 'i:' .. idem, eid .. ' ' .. digest, 'PX', ARGV[9])
end
local t, n, roots = now(), 0, {}
local fields = {'@s', 'N', '@d', def, '@t', tenant, '@w', cost, '@c', t, '@r', 0, '@o', ARGV[11]}
for line in lines(ARGV[15]) do
  local path, deps, route = match(line, '^([^\t]*)\t(%d+)\t(.*)$')
  local i = #fields
  n = n + 1
  fields[i + 1] = path
  if deps == '0' then
    fields[i + 2] = (delay > 0 and 't' or 'q') .. '0.0.0.0'
    roots[#roots + 1] = route .. '|' .. eid .. '/' .. path
  else
    fields[i + 2] = 'w' .. deps
  end
  if #fields > 2000 then
    call('HSET', key, unpack(fields))
    fields = {}
  end
end
for name, value in pairs({['@n'] = n, ['@y'] = ARGV[12], ['@p'] = ARGV[13], ['@j'] = ARGV[19]}) do
  if value ~= '' then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
call('HSET', key, unpack(fields))
if ARGV[14] ~= '' then call('HSET', p .. 'r:' .. eid, '@in', ARGV[14]) end
call('ZADD', p .. 'act', t, eid)
call('ZADD', p .. 'ix:' .. tenant, t, eid)
alive(tenant, 1)
alive(tenant .. '|N', 1)
if deadline > 0 then call('ZADD', p .. 't', t + delay + deadline, 'D|' .. eid) end
note('N', eid, '', '0', def, {t = tenant})
local x = {s = 'N', n = n, t = tenant, d = def, r = 0, w = cost, b = '', key = key}
local g = {sticky = tonumber(ARGV[17]), session = ARGV[16], serves = serving(ARGV[18]), out = {1, eid}}
if g.sticky > 0 and not call('ZSCORE', p .. 'wk', g.session) then g.sticky = 0 end
for _, item in ipairs(roots) do
  if delay > 0 then
    call('ZADD', p .. 't', t + delay, 'R|' .. item)
  elseif g.sticky > 0 and call('EXISTS', p .. 'q:' .. match(item, '^%d+|([^|]*)|')) == 0 then
    ready(item, x, '0.0.0.0', g)
  else
    enqueue(item, tenant, cost)
  end
end
return g.out
