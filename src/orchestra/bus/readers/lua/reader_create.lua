-- reader_create: a durable reader of events is known from now on, and where it begins
-- args: name definition max
-- more: key of a stream, position in it, …
-- returns {1, definition}; {0, definition} of another one of this name; {-1} there are max of them
-- repeats with the same definition: {1, definition}, and nothing changes
-- cost O(streams)

local p, call, name = KEYS[1], redis.call, ARGV[2]
local known = call('HGET', p .. 'def', name)
if known then
  -- The instant it was made at is no part of what it is.
  local mine = string.gsub(ARGV[3], '"created_ms":%d+', '')
  return {string.gsub(known, '"created_ms":%d+', '') == mine and 1 or 0, known}
end
if call('HLEN', p .. 'def') >= tonumber(ARGV[4]) then return {-1} end
call('HSET', p .. 'def', name, ARGV[3])
for i = 5, #ARGV, 2 do call('HSET', p .. 'cur:' .. name, ARGV[i], ARGV[i + 1]) end
return {1, ARGV[3]}
