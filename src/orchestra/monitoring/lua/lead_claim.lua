-- lead_claim: one replica seals and counts: whoever asks first, for as long as it asks again
-- args: session ttl_ms
-- returns the token of its term, which grows with each; when somebody else leads, minus the ms that is certain for, or 0
-- repeats the same token, and renews
-- cost O(1)

local p, call = KEYS[1], redis.call
local key = p .. 'lead'
local who = call('HGET', key, 's')
if who and who ~= ARGV[2] then return -math.max(call('PTTL', key), 0) end
local token = who and tonumber(call('HGET', key, 't')) or call('INCR', p .. 'lead#')
call('HSET', key, 's', ARGV[2], 't', token)
call('PEXPIRE', key, ARGV[3])
return token
