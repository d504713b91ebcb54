-- signal_send: a signal for an execution, by name: it counts once
-- args: eid tenant name signal key steps actor
-- prelude: yes
-- flags: allow-oom
--   signal: who sent what, framed. key: '' or the sender's Idempotency-Key, hashed
--   steps: lines "path\troute" of all steps that wait for this name, whether they have begun to or not
-- returns {1, state, path, …} taken, and the steps that waited; {2, state, first} the name, or the key, was used before;
--   {0, state} too late: the execution goes no further, or no step waits for it any more; {-1} no such execution for this tenant
-- repeats {2}
-- cost O(steps)

local eid, name, key, results = ARGV[2], ARGV[4], ARGV[6], p .. 'r:' .. ARGV[2]
local x = load(eid)
if not x or x.t ~= ARGV[3] then return {-1} end
local used = key ~= '' and call('HGET', results, '@?' .. key)
local first = call('HGET', results, '@!' .. (used or name))
if first then return {2, x.s, first} end
if x.s ~= 'N' and x.s ~= 'R' and x.s ~= 'P' then return {0, x.s} end
local waiting, out, open = {}, {1, x.s}, false
for line in lines(ARGV[7]) do
  local path, route = match(line, '^([^\t]*)\t(.*)$')
  local item, state = route .. '|' .. eid .. '/' .. path, call('HGET', home(eid, path), path) or ''
  local mark, began = string.sub(state, 1, 1), call('HGET', results, path .. '!')
  if mark == 'a' and gate(x, eid, path) ~= 'drop' then waiting[#waiting + 1] = {item, path, string.sub(state, 2)}
  elseif not match(mark, '[acfsk]') and began ~= '-' then open = true end
end
if not waiting[1] and not open then return {0, x.s} end
call('HSET', results, '@!' .. name, ARGV[5])
if key ~= '' then call('HSET', results, '@?' .. key, name) end
note('K', eid, '', '0', 'signal\t' .. ARGV[8] .. '\t' .. name, x)
for _, step in ipairs(waiting) do
  woken(step[1], x, step[3], 'G', name)
  out[#out + 1] = step[2]
end
return out
