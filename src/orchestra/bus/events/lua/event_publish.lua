-- event_publish: append one event; refused over maxmemory
-- args: origin tenant event dedup dedup_ms keep_ms
-- prelude: yes
-- returns the position in the stream
-- repeats with the same dedup: the first position, and nothing is appended
-- cost O(1), and what trimming removes

if ARGV[5] ~= '' then
  local known = call('GET', p .. 'i:' .. ARGV[5])
  if known then return known end
end
local id = call('XADD', p .. 'pub', 'MAXLEN', '~', JOURNAL, stream_id(), 'o', ARGV[2], 't', ARGV[3], 'e', ARGV[4])
if ARGV[5] ~= '' then call('SET', p .. 'i:' .. ARGV[5], id, 'PX', ARGV[6]) end
call('XTRIM', p .. 'pub', 'MINID', '~', fmt('%.0f', math.max(now() - ARGV[7], 0)), 'LIMIT', 1000)
return id
