-- workflow_layout: where its author put the steps of a workflow; '' forgets that
-- args: tenant id layout
--   layout  the framed positions
-- returns {1} done; {-1} no such workflow
-- repeats {1}
-- cost O(1)

local p = KEYS[1]
local name = ARGV[2] .. ':' .. ARGV[3]
if redis.call('EXISTS', p .. 'w:' .. name) == 0 then return {-1} end
if ARGV[4] == '' then redis.call('DEL', p .. 'l:' .. name) else redis.call('SET', p .. 'l:' .. name, ARGV[4]) end
return {1}
