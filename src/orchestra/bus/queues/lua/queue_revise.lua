-- queue_revise: put this dead letter back in line with another body, once, its tries at zero
-- args: queue call call_ms id body
-- prelude: yes
--   call  names this call for call_ms: a repeat of it changes nothing
-- returns {1} put back; {0} no such dead letter; {-1} there is no such queue
-- repeats with the same call: the same; else {0}: it can come back only once
-- cost O(log depth)

if call('EXISTS', p .. 'i:' .. ARGV[3]) == 1 then return {1} end
if not exists() then return {-1} end
local n = put_back(ARGV[5], now())
if n == 1 then
  if weighed then call('HINCRBY', q .. 'c', 'bytes', #ARGV[6] - call('HSTRLEN', q .. 'b', ARGV[5])) end
  call('HSET', q .. 'b', ARGV[5], ARGV[6])
  call('SET', p .. 'i:' .. ARGV[3], '', 'PX', ARGV[4])
end
tally('redriven', n)
return {n}
