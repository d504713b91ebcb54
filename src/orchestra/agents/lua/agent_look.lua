-- agent_look: how agents of a pool are, all as of one moment
-- args: detail
-- more: the agents
-- prelude: yes
-- flags: no-writes
-- returns {now, judged, {alive until}, {gate}, {breaker}, {told}, {in use}, {ttl}, {checks}, {said}}; the last only with detail 1
-- repeats harmless
-- cost O(agents asked for)

local names = {unpack(ARGV, 3)}
local function all(key) return call('HMGET', p .. key, unpack(names)) end
local detail = ARGV[2] == '1'
return {
  now, judged(), call('ZMSCORE', p .. 'hb', unpack(names)), all('gate'), all('brk'), all('st'), all('inf'), all('ttl'),
  all('chk'), detail and all('said') or {},
}
