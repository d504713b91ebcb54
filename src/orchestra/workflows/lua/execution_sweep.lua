-- execution_sweep: puts back every step of a live execution that nobody holds and nothing will wake (R9)
-- args: eid steps
-- prelude: yes
-- flags: allow-oom
--   steps  lines "path\troute" of all steps, compensations included
-- returns {path, …} of what was put back: none, unless something was lost that no crash of ours can lose
-- repeats finds nothing more
-- cost O(steps)

local eid, found = ARGV[2], {}
local x = load(eid)
if not x or over(x.s) then return found end
for line in lines(ARGV[3]) do
  local path, route = match(line, '^([^\t]*)\t(.*)$')
  local item, state = route .. '|' .. eid .. '/' .. path, call('HGET', home(eid, path), path) or ''
  local mark, tries, lost = string.sub(state, 1, 1), string.sub(state, 2), false
  if mark == 'q' then
    lost = gate(x, eid, path) == 'go' and not call('ZSCORE', p .. 'q:' .. match(route, '|(.*)$'), item)
  elseif mark == 'p' then
    lost = x.s ~= 'P' and call('SISMEMBER', p .. 'pk:' .. eid, item) == 0
  elseif mark == 't' then
    lost = not call('ZSCORE', p .. 't', 'R|' .. item)
  elseif mark == 'a' then                                   -- a child tells of its end by itself
    lost = gate(x, eid, path) ~= 'drop' and not call('ZSCORE', p .. 't', 'A|' .. item)
      and call('HEXISTS', p .. 'r:' .. eid, path .. '>') == 0
  elseif mark == 'r' or mark == 'b' then                    -- what a dead session holds is the reaper's
    local session = match(state, '([^.]*)$')
    lost = not call('ZSCORE', p .. 'wk', session) and call('SISMEMBER', p .. 'wl:' .. session, item) == 0
  end
  if lost then
    found[#found + 1] = path
    if mark == 'r' or mark == 'b' then recover(item, 'sweep') else ready(item, x, tries) end
  end
end
return found
