-- task_mail: what there is for a replica that waits here; what it read before is dropped
-- args: session after
-- prelude: yes
-- flags: allow-oom
-- returns entries of a stream: {id, {'k', kind, 'l', lease, 'x', text}}, …
-- repeats the same, as long as `after` is
-- cost O(entries)

lapse()
local box = p .. 'tm:' .. ARGV[2]
if ARGV[3] ~= '0-0' then call('XTRIM', box, 'MINID', ARGV[3]) end
return call('XRANGE', box, '(' .. ARGV[3], '+', 'COUNT', 128)
