-- hook_replay_job: how far the last replay is; stops it, when asked to
-- args: hook stop
-- prelude: yes
-- flags: allow-oom
-- returns {id, state, sent, wish, per_s, began, ended, cursor}; {} there was none
-- repeats the same
-- cost O(1)

local r = p .. 'wd:' .. ARGV[2] .. ':r'
if call('EXISTS', r) == 0 then return {} end
if ARGV[3] == '1' and call('HGET', r, 'state') == 'running' then
  call('HSET', r, 'state', 'stopped', 'ended', fmt('%.0f', now()))
  call('SREM', p .. 'wdj', ARGV[2])
end
return call('HMGET', r, 'id', 'state', 'sent', 'wish', 'per_s', 'began', 'ended', 'cursor')
