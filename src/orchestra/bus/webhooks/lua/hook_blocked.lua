-- hook_blocked: for how long a delivery has kept those behind it waiting
-- args: hook delivery
-- prelude: yes
-- flags: allow-oom
-- returns {ms since its first failure, -1 when it had none}
-- repeats reads again
-- cost O(1)

local since = call('HGET', p .. 'wd:' .. ARGV[2] .. ':d', ARGV[3])
return {since and now() - since or -1}
