-- chunk_seal: a chunk that is over becomes one string, unless it has changed meanwhile
-- args: open sealed open_sha sealed_sha packed ttl_s
--   open, sealed: names behind the prefix; the hashes are SHA-1 of what was read: values joined by a zero byte, '' for nothing
-- returns 1, or 0: it has changed, nothing was done
-- repeats 0
-- cost O(slots)

local p, call = KEYS[1], redis.call
local open, sealed = p .. ARGV[2], p .. ARGV[3]
local now = call('HGETALL', open)
if #now == 0 or redis.sha1hex(table.concat(now, '\0')) ~= ARGV[4] then return 0 end
if redis.sha1hex(call('GET', sealed) or '') ~= ARGV[5] then return 0 end
call('SET', sealed, ARGV[6], 'EX', ARGV[7])
call('UNLINK', open)
return 1
