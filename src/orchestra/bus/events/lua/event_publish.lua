-- event_publish: append one event; refused over maxmemory
-- args: origin tenant event dedup dedup_ms keep_ms keep_bytes
-- prelude: yes
-- returns the position in the stream
-- repeats with the same dedup: the first position, and nothing is appended
-- cost O(1), and what trimming removes

if ARGV[5] ~= '' then
  local known = call('GET', p .. 'i:' .. ARGV[5])
  if known then return known end
end
local pub = p .. 'pub'
local id = call('XADD', pub, 'MAXLEN', '~', JOURNAL, stream_id(), 'o', ARGV[2], 't', ARGV[3], 'e', ARGV[4])
if ARGV[5] ~= '' then call('SET', p .. 'i:' .. ARGV[5], id, 'PX', ARGV[6]) end
call('XTRIM', pub, 'MINID', '~', fmt('%.0f', math.max(now() - ARGV[7], 0)), 'LIMIT', 1000)
-- The size is asked for often enough: behind every large event, else each 64th.
local len = call('XLEN', pub)
if #ARGV[4] > 16384 or len % 64 == 0 then
  local size, most = call('MEMORY', 'USAGE', pub), tonumber(ARGV[8])
  if size > most then call('XTRIM', pub, 'MAXLEN', '~', math.floor(len * most / size), 'LIMIT', 1000) end
end
return id
