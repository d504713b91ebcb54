-- session_leave: a drained replica says goodbye
-- args: session
-- prelude: yes
-- flags: allow-oom
-- returns {1}; {0, n} while it still holds n items
-- repeats {1}
-- cost O(log replicas)

local n = call('SCARD', p .. 'wl:' .. ARGV[2])
if n > 0 then return {0, n} end
call('ZREM', p .. 'wk', ARGV[2])
return {1}
