-- inbound_take: whether one more request of a hook is within its rate
--
-- KEYS[1] prefix  of the webhooks
-- args: hook per_s burst
--
-- returns  0 it is, else ms until one may come
-- repeats  takes again
-- cost     O(1)
local key, t = KEYS[1] .. 'hr:' .. ARGV[2], redis.call('TIME')
local now = ARGV[1] ~= '' and tonumber(ARGV[1]) * 1000 or t[1] * 1000000 + t[2]
local emission, burst = 1000000 / tonumber(ARGV[3]), tonumber(ARGV[4])
local next = math.max(tonumber(redis.call('GET', key) or '0'), now) + emission
local wait = next - burst * emission - now
if wait > 0 then
  return math.ceil(wait / 1000)
end
redis.call('SET', key, string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000) + 1)
return 0
