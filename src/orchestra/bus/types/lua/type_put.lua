-- type_put: keep the schema of a type of events, instead of the record that was seen
-- args: type seen record most
-- returns 1; 0 there is another record by now; -1 there are most of them
-- repeats: 0
-- cost O(1)

local p, call, key = KEYS[1], redis.call, KEYS[1] .. 'ty'
if (call('HGET', key, ARGV[2]) or '') ~= ARGV[3] then return 0 end
if ARGV[3] == '' and math.max(call('HLEN', key) - 1, 0) >= tonumber(ARGV[5]) then return -1 end
call('HSET', key, ARGV[2], ARGV[4])
call('HINCRBY', key, '@rev', 1)
call('SPUBLISH', p .. 'tyw', '')
return 1
