-- queue_redrive_job: how far the last redrive is; stops it, when asked to
-- args: queue stop
-- prelude: yes
-- flags: allow-oom
-- returns {1, id, state, moved, total, per_s, began, ended}; {0} there was none; {-1} there is no such queue
-- repeats the same
-- cost O(1)

if not exists() then return {-1} end
if call('EXISTS', q .. 'j') == 0 then return {0} end
if ARGV[3] == '1' and call('HGET', q .. 'j', 'state') == 'running' then
  call('HSET', q .. 'j', 'state', 'stopped', 'ended', now())
  call('SREM', p .. 'mqj', ARGV[2])
end
return {1, unpack(job())}
