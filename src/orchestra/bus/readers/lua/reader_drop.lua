-- reader_drop: a durable reader and all that is kept of it end
-- args: name
-- flags: allow-oom
-- returns 1; 0 there is none
-- repeats: 0
-- cost O(what is kept of it)

local p, call, name = KEYS[1], redis.call, ARGV[2]
if call('HDEL', p .. 'def', name) == 0 then return 0 end
call('DEL', p .. 'cur:' .. name, p .. 'own:' .. name, p .. 'win:' .. name, p .. 'dl:c:' .. name, p .. 'rd:' .. name)
return 1
