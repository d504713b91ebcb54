-- hook_replay_claim: take the next step of a replay, if nobody else does
-- args: hook runner lease_ms
-- prelude: yes
-- flags: allow-oom
-- returns {how many may be sent by now, id, state, sent, wish, per_s, began, ended, cursor}; {} it does not run, or
--   somebody else takes its next step
-- repeats by the same runner: the same, or more
-- cost O(1)

local r, t = p .. 'wd:' .. ARGV[2] .. ':r', now()
local h = call('HMGET', r, 'state', 'run', 'till', 'mark', 'per_s')
if h[1] ~= 'running' then
  call('SREM', p .. 'wdj', ARGV[2])
  return {}
end
if h[2] ~= '' and h[2] ~= ARGV[3] and tonumber(h[3]) > t then return {} end
call('HSET', r, 'run', ARGV[3], 'till', fmt('%.0f', t + ARGV[4]))
local rate = tonumber(h[5])
local may = math.floor((t - h[4]) * rate / 1000)
if may > rate then                                         -- what was not sent by now is not caught up with in a burst
  may = rate
  call('HSET', r, 'mark', fmt('%.0f', t - 1000))
end
return {may, unpack(call('HMGET', r, 'id', 'state', 'sent', 'wish', 'per_s', 'began', 'ended', 'cursor'))}
