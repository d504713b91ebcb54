-- flush_apply: what a replica measured is added to its series, once
-- args: session n spans
-- more: items, each msgpack: see the prelude
-- prelude: yes
-- flags: allow-oom
-- returns 1, or 0 when it was added before
-- repeats 0: n is counted by the session in each slot, and grows
-- cost O(items)

local done = tonumber(call('GET', p .. 'm:n:' .. ARGV[2]) or '0')
if tonumber(ARGV[3]) <= done then return 0 end
call('SET', p .. 'm:n:' .. ARGV[2], ARGV[3], 'EX', 3600)
local spans = cmsgpack.unpack(ARGV[4])
for i = 5, #ARGV do put(spans, cmsgpack.unpack(ARGV[i])) end
return 1
