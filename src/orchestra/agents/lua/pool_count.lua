-- pool_count: how many heartbeats of a pool got late lately
-- args: window_ms
-- prelude: yes
-- flags: no-writes
-- returns {pushing, lapsed}, as pool_watch
-- repeats harmless
-- cost O(log agents)

local since = now - ARGV[2]
local before = call('ZCOUNT', p .. 'hb', '-inf', since)
return {call('HLEN', p .. 'ttl') - before, call('ZCOUNT', p .. 'hb', '(' .. since, now)}
