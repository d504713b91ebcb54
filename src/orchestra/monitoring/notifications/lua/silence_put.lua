-- silence_put: keep a silence; those that ended long ago make room
-- args: tenant id record most ends_ms now_ms keep_ms
-- returns 1 kept, 0 another one has this id, -1 there are too many
-- repeats 1
-- cost O(silences of the tenant), at most `most`
local p, call = KEYS[1], redis.call
local all, ends = p .. 's:' .. ARGV[2], p .. 'sx:' .. ARGV[2]
local now, keep = tonumber(ARGV[7]), tonumber(ARGV[8])
for _, old in ipairs(call('ZRANGEBYSCORE', ends, '-inf', now - keep)) do
  call('HDEL', all, old)
  call('ZREM', ends, old)
end
local known = call('HGET', all, ARGV[3])
if known and known ~= ARGV[4] then return 0 end
if not known and call('HLEN', all) >= tonumber(ARGV[5]) then return -1 end
call('HSET', all, ARGV[3], ARGV[4])
call('ZADD', ends, ARGV[6], ARGV[3])
local last = tonumber(call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2])
local left = string.format('%.0f', math.max(last - now, 0) + keep)
call('PEXPIRE', all, left)
call('PEXPIRE', ends, left)
return 1
