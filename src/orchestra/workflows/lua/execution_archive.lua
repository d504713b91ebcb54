-- execution_archive: swap a finished execution for its archive
-- args: eid tenant archive ttl_ms
-- prelude: yes
-- flags: allow-oom
-- returns {1}; {0} not finished, or gone already
-- repeats {0}
-- cost O(size) to unlink, freed in the background

local eid = ARGV[2]
local x = load(eid)
if not x or not over(x.s) or x.r > 0 or call('ZSCORE', p .. 't', 'N|' .. eid) then return {0} end
call('SET', p .. 'a:' .. eid, ARGV[4], 'PX', ARGV[5])
call('ZADD', p .. 'ar', now() + tonumber(ARGV[5]), ARGV[3] .. ' ' .. eid)
for _, blob in ipairs(call('SMEMBERS', p .. 'bl:' .. eid)) do call('UNLINK', p .. 'b:' .. eid .. '/' .. blob) end
for _, kind in ipairs({'x', 'c', 'r', 'm', 'h', 'u', 'k', 'pk', 'bl'}) do call('UNLINK', p .. kind .. ':' .. eid) end
call('ZREM', p .. 'fin', eid)
return {1}
