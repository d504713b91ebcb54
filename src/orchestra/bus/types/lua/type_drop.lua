-- type_drop: forget the schema of a type of events
-- args: type
-- flags: allow-oom
-- returns 1; 0 there is none
-- repeats: 0
-- cost O(1)

local p, call, key = KEYS[1], redis.call, KEYS[1] .. 'ty'
if call('HDEL', key, ARGV[2]) == 0 then return 0 end
call('HINCRBY', key, '@rev', 1)
call('SPUBLISH', p .. 'tyw', '')
return 1
