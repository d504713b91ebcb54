-- queue_save: make a queue, or change it
-- args: queue mode tries lost lease depth backoff
-- prelude: yes
--   mode  put: make or change it   new: make it, an old one stays as it is   patch: change it. '' keeps what there is
-- returns {1 made, 0 was there, -1 there is none}
-- repeats changes nothing more
-- cost O(1)

local mode, there = ARGV[3], exists()
if not there and mode == 'patch' then return {-1} end
if there and mode == 'new' then return {0} end
if not there then
  call('SADD', shelf())
  call('HSET', q .. 'c', 'made', now())
end
for i, field in ipairs({'tries', 'lost', 'lease', 'depth', 'backoff'}) do
  if ARGV[3 + i] ~= '' then call('HSET', q .. 'c', field, ARGV[3 + i]) end
end
return {there and 0 or 1}
