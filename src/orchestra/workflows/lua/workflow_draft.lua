-- workflow_draft: what somebody wrote and has not saved yet; '' forgets it. The oldest beyond the most is forgotten
-- args: tenant owner name draft at_ms ttl_ms most
--   owner  the digest of who wrote it     draft  the framed text
-- returns {1} done
-- repeats {1}
-- cost O(log n) in the drafts of one author, of which there are few

local p, call = KEYS[1], redis.call
local who = ARGV[2] .. ':' .. ARGV[3]
local index, base = p .. 'di:' .. who, p .. 'dr:' .. who .. ':'
local now, ttl = tonumber(ARGV[6]), tonumber(ARGV[7])
if ARGV[5] == '' then
  call('DEL', base .. ARGV[4])
  call('ZREM', index, ARGV[4])
  return {1}
end
call('ZREMRANGEBYSCORE', index, '-inf', now)
call('SET', base .. ARGV[4], ARGV[5], 'PX', ttl)
call('ZADD', index, now + ttl, ARGV[4])
for _, name in ipairs(call('ZRANGE', index, 0, -1 - tonumber(ARGV[8]))) do
  call('DEL', base .. name)
  call('ZREM', index, name)
end
call('PEXPIRE', index, ttl)
return {1}
