-- queue_save: make a queue, or change it
-- args: queue mode tries lost lease depth backoff spread part
-- prelude: yes
--   mode    put: make or change it   new: make it, an old one stays as it is   patch: change it. '' keeps what there is
--   spread  '1' a part in every partition, '0' one, '' keeps. Changed only while there is nothing in it
--   part    '' the home of the queue; else when the home was made: this is another part of it
-- returns {1 made, 0 was there, -1 there is none; when it was made}; {-3, messages, dead letters} it is not empty
-- repeats changes nothing more
-- cost O(1), and what is freed beside

local mode, spread, part = ARGV[3], ARGV[9], ARGV[10]
local made, is = unpack(call('HMGET', q .. 'c', 'made', 'spread'))
if made and part ~= '' and made ~= part then              -- left over from a queue that is no more
  for key in string.gmatch('cbfrldwhzejn', '.') do call('UNLINK', q .. key) end
  made = false
end
if not made and mode == 'patch' then return {-1} end
if made and mode == 'new' then return {0, made} end
if made and spread ~= '' and (is or '0') ~= spread then
  local n, dead = depth(), call('ZCARD', q .. 'z')
  if n + dead > 0 then return {-3, n, dead} end
end
local there = made
if not there then
  made = part ~= '' and part or fmt('%.0f', now())
  register('SADD', part == '')
  call('HSET', q .. 'c', 'made', made)
end
for i, field in ipairs({'tries', 'lost', 'lease', 'depth', 'backoff', 'spread'}) do
  if ARGV[3 + i] ~= '' then call('HSET', q .. 'c', field, ARGV[3 + i]) end
end
return {there and 0 or 1, made}
