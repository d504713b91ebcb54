-- expiry_freeze: most agents of a tenant fell silent together, so it is not them: their expiry waits, once
-- args: tenant freeze_ms pushing lapsed
-- prelude: yes
-- flags: allow-oom
-- returns 1 for who may extend their lives, 0 when it was done lately
-- repeats 0
-- cost O(1)

if not call('SET', p .. 'fz:' .. ARGV[2], now, 'NX', 'PX', ARGV[3]) then return 0 end
tell_of(ARGV[2], 'agent.expiry_frozen', '', {reason = 'more than half of the heartbeats are late at once',
  pushing = tonumber(ARGV[4]), lapsed = tonumber(ARGV[5])})
return 1
