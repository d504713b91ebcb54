-- queue_send: put messages in line, all of them or none; refused over maxmemory
-- args: queue call call_ms dedup_ms spread
-- more: id class delay_ms group dedup body of each
-- prelude: yes
--   call    names this call for call_ms: a repeat of it changes nothing
--   spread  '1' when the caller takes the queue for spread, and has seen to its depth; else '0'
--   dedup   '' or a digest: a message with the same one within dedup_ms is the same message
-- returns {1, id, …}; {0, messages there} they are too many; {-1} there is no such queue; {-2} spread is not as he thinks
-- repeats with the same call: the same ids; else a dedup that is known gives the id it had
-- cost O(log depth) a message

local seen = call('GET', p .. 'i:' .. ARGV[3])
if seen then return cmsgpack.unpack(seen) end
local c, fresh = call('HMGET', q .. 'c', 'made', 'depth', 'spread'), 0
if not c[1] then return {-1} end
if (c[3] or '0') ~= ARGV[6] then return {-2} end
local remembered = p .. 'i:' .. c[1] .. ':'               -- with the queue: a new one of the name knows nothing of it
for i = 7, #ARGV, 6 do
  if ARGV[i + 4] == '' or call('EXISTS', remembered .. ARGV[i + 4]) == 0 then fresh = fresh + 1 end
end
if fresh > 0 and ARGV[6] == '0' then
  local there = depth()
  if there + fresh > tonumber(c[2]) then return {0, there} end
end
local t, out, new = now(), {1}, 0
for i = 7, #ARGV, 6 do
  local id, dedup = ARGV[i], ARGV[i + 4]
  local known = dedup ~= '' and call('GET', remembered .. dedup)
  if not known then
    if dedup ~= '' then call('SET', remembered .. dedup, id, 'PX', ARGV[5]) end
    local delay = tonumber(ARGV[i + 2])
    new = new + 1
    call('HSET', q .. 'b', id, ARGV[i + 5])
    if weighed then call('HINCRBY', q .. 'c', 'bytes', #ARGV[i + 5]) end
    enter({id = id, class = tonumber(ARGV[i + 1]), seq = call('HINCRBY', q .. 'c', 'seq', 1), tries = 0, born = t,
           due = delay > 0 and t + delay or 0, lost = 0, token = '', group = ARGV[i + 3]}, t)
  end
  out[#out + 1] = known or id
end
tally('sent', new)
call('SET', p .. 'i:' .. ARGV[3], cmsgpack.pack(out), 'PX', ARGV[4])
return out
