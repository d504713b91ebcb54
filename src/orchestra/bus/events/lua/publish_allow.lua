-- publish_allow: let a replica publish so many events of a tenant
-- args: want least per_s burst
-- flags: allow-oom
-- returns {granted, 0}, granted from least to want; {0, ms} fewer than least may be published: come back then
-- repeats grant again
-- cost O(1)

local key, at, call = KEYS[1] .. 'q', ARGV[1], redis.call
local t = call('TIME')
local now = at ~= '' and tonumber(at) or t[1] * 1000 + math.floor(t[2] / 1000)
local want, least, rate, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local h = call('HMGET', key, 'n', 't')
local past = math.max(now - (tonumber(h[2]) or now), 0)
local left = math.min((tonumber(h[1]) or burst) + past * rate / 1000, burst)
local granted = math.min(want, math.floor(left))
if granted < least then return {0, math.ceil((least - left) * 1000 / rate)} end
call('HSET', key, 'n', left - granted, 't', string.format('%.0f', now))
call('PEXPIRE', key, math.ceil(burst * 1000 / rate) + 1000)
return {granted, 0}
