-- reader_claim: become the one who reads under this name, for ttl_ms
-- args: name owner ttl_ms
-- flags: allow-oom
-- returns {1, token, crashes, event that was tried alone, definition, {stream, position, …}}; {0, ms} somebody else
--   has it so long; {-1} there is no such reader
-- repeats by the same owner: the same token. Taking over from one who did not let go counts one crash
-- cost O(streams)

local p, at, call, fmt = KEYS[1], ARGV[1], redis.call, string.format
local t = call('TIME')
local now = at ~= '' and tonumber(at) or t[1] * 1000 + math.floor(t[2] / 1000)
local name, owner, own = ARGV[2], ARGV[3], p .. 'own:' .. ARGV[2]
local definition = call('HGET', p .. 'def', name)
if not definition then return {-1} end
local h = call('HMGET', own, 'n', 's', 'u', 'c', 't')
local n, holder, till, crashes = tonumber(h[1]) or 0, h[2] or '', tonumber(h[3]) or 0, tonumber(h[4]) or 0
if holder ~= owner then
  if holder ~= '' and till > now then return {0, till - now} end
  n, crashes = n + 1, crashes + (holder ~= '' and 1 or 0)
  call('HSET', own, 'n', n, 's', owner, 'c', crashes)
end
call('HSET', own, 'u', fmt('%.0f', now + ARGV[4]))
return {1, n .. '.' .. owner, crashes, h[5] or '', definition, call('HGETALL', p .. 'cur:' .. name)}
