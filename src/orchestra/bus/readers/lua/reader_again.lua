-- reader_again: the next event that is handed to a reader again; the one it had is done with
-- args: name token done
-- flags: allow-oom
--   done  the event it had, or ''
-- returns {event id, event, how often it was begun before}; {} there is none; {-1} somebody else reads now
-- repeats give the same, begun once more
-- cost O(1)

local p, call, name = KEYS[1], redis.call, ARGV[2]
local h, rd = call('HMGET', p .. 'own:' .. name, 'n', 's'), p .. 'rd:' .. name
if (h[1] or '') .. '.' .. (h[2] or '') ~= ARGV[3] then return {-1} end
local text = call('LINDEX', rd, 0)
local first = text and cmsgpack.unpack(text)
if first and first.id == ARGV[4] then
  call('LPOP', rd)
  text = call('LINDEX', rd, 0)
  first = text and cmsgpack.unpack(text)
end
if not first then return {} end
first.n = first.n + 1
call('LSET', rd, 0, cmsgpack.pack(first))
return {first.id, first.e, first.n - 1}
