-- event_tell: something happened to an agent that no other script decides
-- args: tenant kind agent data
-- prelude: yes
-- flags: allow-oom
-- returns 1
-- repeats tells it again
-- cost O(1)

tell_of(ARGV[2], ARGV[3], ARGV[4], cjson.decode(ARGV[5]))
return 1
