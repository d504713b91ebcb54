-- slot_leave: a session is over; all its slots return at once
-- args: session
-- prelude: yes
-- flags: allow-oom
-- returns the slots given back
-- repeats 0
-- cost O(leases)

local n = reap_session(ARGV[2])
if n > 0 then call('SPUBLISH', p .. 'free', n) end
return n
