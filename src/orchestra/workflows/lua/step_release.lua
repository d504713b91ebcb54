-- step_release: hand back a claimed step (drain, interrupting pause, work a lost reply carried)
-- args: item token stopped
-- prelude: yes
-- flags: allow-oom
--   stopped 1: a call may have been made; it counts like a crash, not like a try. 0: nothing was started
-- returns {1}; {0} not yours any more, or begun
-- repeats {0}: no harm
-- cost O(log ready)

local _, _, owner, path = parse(ARGV[2])
local key, session = home(owner, path), match(ARGV[3], '([^.]*)$')
if call('HGET', key, path) ~= 'r' .. ARGV[3] then return {0} end
local x, n, u, k, c = load(owner), match(ARGV[3], '^(%d+)%.(%d+)%.(%d+)%.(%d+)')
call('SREM', p .. 'wl:' .. session, ARGV[2])
x.r = call('HINCRBY', x.key, '@r', -1)
x.w = 0                                                   -- its tenant has paid for this place already
ready(ARGV[2], x, fmt('%d.%d.%d.%d', n, u, k, c + ARGV[4]))
undo_next(owner, x)
return {1}
