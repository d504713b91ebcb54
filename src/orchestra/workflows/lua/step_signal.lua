-- step_signal: an answer from outside for an awaiting step, or a decision about a held one
-- args: eid path tenant route payload child
-- prelude: yes
-- flags: allow-oom
--   child: the finished child execution, or ''. Early answers wait
-- returns {1} taken; {2} answered before; {0} nothing to answer; {-1} no such execution for this tenant
-- repeats {2} or {0}
-- cost O(1)

local eid, path, payload = ARGV[2], ARGV[3], ARGV[6]
local x, key = load(eid), home(eid, path)
if not x or (ARGV[4] ~= '' and x.t ~= ARGV[4]) then return {-1} end
if ARGV[7] ~= '' then call('SREM', p .. 'k:' .. eid, ARGV[7]) end
local state = call('HGET', key, path)
local mark = state and string.sub(state, 1, 1)
if not mark or over(x.s) or mark == 'c' or mark == 'f' or mark == 's' or mark == 'k' then
  undo_next(eid, x)
  return {0}
end
local known = call('HGET', p .. 'r:' .. eid, path .. '!')
if known and known ~= '' then return {2} end
call('HSET', p .. 'r:' .. eid, path .. '!', payload)
note('G', eid, path, '0', '', x)
if mark == 'a' or mark == 'h' then
  local item = ARGV[5] .. '|' .. eid .. '/' .. path
  local _, n, u, k, c = numbers(state)
  call('ZREM', p .. 't', 'A|' .. item)
  call('SREM', p .. 'aw:' .. eid, item)
  ready(item, x, fmt('%d.%d.%d.%d', n, u, k, c))
end
undo_next(eid, x)
return {1}
