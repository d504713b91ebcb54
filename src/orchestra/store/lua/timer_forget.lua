-- timer_forget: the call a tick asked for was made
-- args: timer
-- prelude: yes
-- flags: allow-oom
-- returns how many were removed
-- repeats 0
-- cost O(log timers)

return call('ZREM', p .. 't', ARGV[2])
