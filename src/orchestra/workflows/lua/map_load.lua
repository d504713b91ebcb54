-- map_load: store elements base… of a map before it is opened
-- args: item token base
-- prelude: yes
-- flags: allow-oom
-- more: one element per argument, at most 500 a call
-- returns {1}; {0} not yours
-- repeats writes the same bytes again
-- cost O(elements)

local _, _, owner, path = parse(ARGV[2])
local state = call('HGET', home(owner, path), path)
if state ~= 'r' .. ARGV[3] then return {0} end
for i = 5, #ARGV do
  call('HSET', p .. 'm:' .. owner, path .. '[' .. ARGV[4] + i - 5 .. ']', ARGV[i])
end
return {1}
