-- queue_redrive_begin: begin to put dead letters back in line, so many a second; those of now, not later ones
-- args: queue job per_s filter
-- prelude: yes
--   per_s   a part of a spread queue has a part of the rate                  filter  '' all, or which ones, see the prelude
-- returns {1, id, state, moved, total, per_s, began, ended} begun; {0, …} another one runs; {-1} there is no such queue
-- repeats with the same job: {1, …}
-- cost O(1); with a filter all dead letters are looked at

if not exists() then return {-1} end
local there = call('HMGET', q .. 'j', 'id', 'state')
if there[2] == 'running' and there[1] ~= ARGV[3] then return {0, unpack(job())} end
if there[1] ~= ARGV[3] then
  local t, total = now(), call('ZCARD', q .. 'z')
  if ARGV[5] ~= '' then
    local suits = filter(ARGV[5])
    total = 0
    for _, id in ipairs(call('ZRANGE', q .. 'z', 0, -1)) do total = total + (suits(fetch(id)) and 1 or 0) end
  end
  call('HSET', q .. 'j', 'id', ARGV[3], 'state', total > 0 and 'running' or 'completed', 'moved', 0, 'total', total,
       'per_s', ARGV[4], 'began', t, 'ended', total > 0 and '' or t, 'mark', t, 'upto', call('HGET', q .. 'c', 'dseq') or 0,
       'filter', ARGV[5], 'at', 0)
  if total > 0 then call('SADD', p .. 'mqj', ARGV[2]) end
end
return {1, unpack(job())}
