-- step_begin: intent before effect, for steps that are at most once, can be undone, or start a child
-- args: item token undo once child
-- prelude: yes
-- flags: allow-oom
--   undo  '' or "class|queue|path": on the undo stack before the effect, so that nobody's death can lose it
--   once  1: from now on, losing the holder means "held", not "again"     child  '' or the id about to be started
-- returns {1} go; {0} no longer yours; {2} the execution does not want it any more: release it
-- repeats same answer
-- cost O(1)

local _, _, owner, path = parse(ARGV[2])
local key = home(owner, path)
local state = call('HGET', key, path)
if state == 'b' .. ARGV[3] then return {1} end
if state ~= 'r' .. ARGV[3] then return {0} end
if gate(load(owner), owner, path) == 'drop' then return {2} end
if ARGV[4] ~= '' then undo_top(owner, ARGV[4]) end
if ARGV[6] ~= '' then call('SADD', p .. 'k:' .. owner, ARGV[6]) end
if ARGV[5] == '1' then
  call('HSET', key, path, 'b' .. ARGV[3])
  call('HDEL', p .. 'r:' .. owner, path .. '!')
end
return {1}
