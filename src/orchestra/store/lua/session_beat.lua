-- session_beat: one renewal for everything this session holds in this partition
-- args: session lease_ms join cancelled_since
-- prelude: yes
-- flags: allow-oom
-- returns {1, now_ms, items held, cancelled owners…}; {0} when it has expired: an expired session never comes back
-- repeats renews again
-- cost O(log replicas)

local session, lease_ms, join, since = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local t, deadline = now(), tonumber(call('ZSCORE', p .. 'wk', session) or nil)
if (not deadline and join ~= '1') or (deadline and deadline < t) then return {0} end
call('ZADD', p .. 'wk', t + lease_ms, session)
local out = {1, t, call('SCARD', p .. 'wl:' .. session)}
for _, owner in ipairs(call('ZRANGEBYSCORE', p .. 'cx', since, '+inf', 'LIMIT', 0, 1000)) do out[#out + 1] = owner end
return out
