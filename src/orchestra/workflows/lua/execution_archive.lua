-- execution_archive: swap a finished execution for its archive
-- args: eid archive ttl_ms
-- prelude: yes
-- flags: allow-oom
-- returns {1}; {0} not finished, or gone already
-- repeats {0}
-- cost O(size) to unlink, freed in the background

local eid = ARGV[2]
local s = call('HGET', p .. 'x:' .. eid, '@s')
if not s or not over(s) or call('ZSCORE', p .. 't', 'N|' .. eid) then return {0} end
if ARGV[3] ~= '' then call('SET', p .. 'a:' .. eid, ARGV[3], 'PX', ARGV[4]) end
for _, blob in ipairs(call('SMEMBERS', p .. 'bl:' .. eid)) do call('UNLINK', p .. 'b:' .. eid .. '/' .. blob) end
for _, kind in ipairs({'x', 'c', 'r', 'm', 'h', 'u', 'k', 'pk', 'bl'}) do call('UNLINK', p .. kind .. ':' .. eid) end
call('ZREM', p .. 'fin', eid)
return {1}
