-- session_beat: one renewal for everything this session holds in this partition
-- args: session lease_ms join cancelled_since
-- prelude: yes
-- flags: allow-oom
-- returns {1, now_ms, items held, cancelled owners…}; {0} when it has expired, which is for good: but not
--         while nobody ticked for 2 s, for then the store was away and not the session
-- repeats renews again
-- cost O(log replicas)

local session, lease_ms, join, since = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local t, deadline = now(), tonumber(call('ZSCORE', p .. 'wk', session) or nil)
if not deadline and join ~= '1' then return {0} end
if deadline and deadline < t then                         -- expired, unless nobody could have taken anything back:
  local ticked = tonumber(call('HGET', p .. 'cur', '@tick') or nil)
  if not ticked or t - ticked <= 2000 then return {0} end -- nobody ticked for 2 s: the store was away, not this session
end
call('ZADD', p .. 'wk', t + lease_ms, session)
local out = {1, t, call('SCARD', p .. 'wl:' .. session)}
for _, owner in ipairs(call('ZRANGEBYSCORE', p .. 'cx', since, '+inf', 'LIMIT', 0, 1000)) do out[#out + 1] = owner end
return out
