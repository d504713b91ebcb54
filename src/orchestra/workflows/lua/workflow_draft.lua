-- workflow_draft: what somebody wrote and has not saved yet; '' forgets it. The oldest beyond the most is forgotten
-- args: tenant owner name draft seen at_ms ttl_ms most
--   owner  the digest of who wrote it     draft  the framed text
--   seen   '' or the revision it has to be at: how often it was kept or forgotten so far
-- returns {1, revision} done; {0, revision} it is at another one
-- repeats without `seen` the same, one revision later; else {0, …}
-- cost O(log n) in the drafts of one author, of which there are few

local p, call = KEYS[1], redis.call
local who, name = ARGV[2] .. ':' .. ARGV[3], ARGV[4]
local index, base, count = p .. 'di:' .. who, p .. 'dr:' .. who .. ':', p .. 'dv:' .. who .. ':' .. name
local now, ttl, at = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(call('GET', count) or 0)
if ARGV[6] ~= '' and tonumber(ARGV[6]) ~= at then return {0, at} end
call('SET', count, at + 1, 'PX', ttl)
if ARGV[5] == '' then
  call('DEL', base .. name)
  call('ZREM', index, name)
  return {1, at + 1}
end
call('ZREMRANGEBYSCORE', index, '-inf', now)
call('SET', base .. name, ARGV[5], 'PX', ttl)
call('ZADD', index, now + ttl, name)
for _, old in ipairs(call('ZRANGE', index, 0, -1 - tonumber(ARGV[9]))) do
  call('DEL', base .. old)
  call('ZREM', index, old)
end
call('PEXPIRE', index, ttl)
return {1, at + 1}
