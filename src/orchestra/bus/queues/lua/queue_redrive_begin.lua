-- queue_redrive_begin: begin to put all dead letters back in line, so many a second; those of now, not later ones
-- args: queue job per_s
-- prelude: yes
-- returns {1, id, state, moved, total, per_s, began, ended} begun; {0, …} another one runs; {-1} there is no such queue
-- repeats with the same job: {1, …}
-- cost O(1)

if not exists() then return {-1} end
local there = call('HMGET', q .. 'j', 'id', 'state')
if there[2] == 'running' and there[1] ~= ARGV[3] then return {0, unpack(job())} end
if there[1] ~= ARGV[3] then
  local t, total = now(), call('ZCARD', q .. 'z')
  call('HSET', q .. 'j', 'id', ARGV[3], 'state', total > 0 and 'running' or 'completed', 'moved', 0, 'total', total,
       'per_s', ARGV[4], 'began', t, 'ended', total > 0 and '' or t, 'mark', t, 'upto', call('HGET', q .. 'c', 'dseq') or 0)
  if total > 0 then call('SADD', p .. 'mqj', ARGV[2]) end
end
return {1, unpack(job())}
