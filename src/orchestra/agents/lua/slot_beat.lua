-- slot_beat: this replica lives, and keeps its slots here
-- args: session
-- prelude: yes
-- flags: allow-oom
-- returns the slots reaped from others
-- repeats renews again
-- cost O(log sessions), and the work of reaping, which is bounded

local reaped = reap()
renew(ARGV[2])
return reaped
