-- reader_ack: a client has handled what it was given
-- args: name token
-- flags: allow-oom
-- returns 1; 0 it was given to somebody else since; -1 there is no such reader
-- repeats: 1
-- cost O(streams)

local p, call, name, token = KEYS[1], redis.call, ARGV[2], ARGV[3]
local own, win = p .. 'own:' .. name, p .. 'win:' .. name
if call('HEXISTS', p .. 'def', name) == 0 then return -1 end
local h = call('HMGET', own, 'n', 's', 'a')
if h[3] == token then return 1 end
if (h[1] or '') .. '.' .. (h[2] or '') ~= token or call('HGET', win, '@') ~= token then return 0 end
local fields = call('HGETALL', win)
for i = 1, #fields, 2 do
  if fields[i] ~= '@' then call('HSET', p .. 'cur:' .. name, fields[i], fields[i + 1]) end
end
call('DEL', win)
call('HSET', own, 's', '', 'u', 0, 'c', 0, 'a', token)
return 1
