-- hook_replay_step: so much of a replay is sent
-- args: hook runner sent cursor ended
-- prelude: yes
-- flags: allow-oom
--   ended  '' it goes on     completed, stopped: it is over
-- returns {1}; {0} somebody else goes on with it, or it was stopped
-- repeats {0}
-- cost O(1)

local r = p .. 'wd:' .. ARGV[2] .. ':r'
local h = call('HMGET', r, 'run', 'mark', 'per_s', 'state')
if h[1] ~= ARGV[3] or h[4] ~= 'running' then return {0} end
local mark = tonumber(h[2]) + ARGV[4] * 1000 / h[3]
call('HINCRBY', r, 'sent', ARGV[4])
call('HSET', r, 'cursor', ARGV[5], 'mark', fmt('%.0f', mark), 'run', '', 'till', 0)
if ARGV[6] ~= '' then
  call('HSET', r, 'state', ARGV[6], 'ended', fmt('%.0f', now()))
  call('SREM', p .. 'wdj', ARGV[2])
end
return {1}
