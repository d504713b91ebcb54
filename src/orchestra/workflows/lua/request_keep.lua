-- request_keep: what an agent is about to be sent, kept so that every later attempt sends the same
-- args: item request
-- prelude: yes
-- flags: allow-oom
--   only for requests that can come out otherwise the next time: those that read variables other steps set
-- returns the request that was kept first; a step that begins anew (next_try) forgets it
-- repeats same answer
-- cost O(size)

local _, _, owner, path = parse(ARGV[2])
call('HSETNX', p .. 'r:' .. owner, '@q' .. path, ARGV[3])
return call('HGET', p .. 'r:' .. owner, '@q' .. path)
