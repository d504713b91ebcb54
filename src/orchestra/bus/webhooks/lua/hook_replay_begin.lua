-- hook_replay_begin: begin to send what happened once more
-- args: hook job wish per_s
-- prelude: yes
--   wish  opaque here
-- returns {1, id, state, sent, wish, per_s, began, ended, cursor} begun; {0, …} another one runs
-- repeats with the same job: {1, …}
-- cost O(1)

local r = p .. 'wd:' .. ARGV[2] .. ':r'
local function job() return call('HMGET', r, 'id', 'state', 'sent', 'wish', 'per_s', 'began', 'ended', 'cursor') end
local there = call('HMGET', r, 'id', 'state')
if there[1] == ARGV[3] then return {1, unpack(job())} end
if there[2] == 'running' then return {0, unpack(job())} end
local t = fmt('%.0f', now())
call('DEL', r)
call('HSET', r, 'id', ARGV[3], 'state', 'running', 'sent', 0, 'wish', ARGV[4], 'per_s', ARGV[5], 'began', t, 'ended', '',
     'cursor', '', 'mark', t, 'run', '', 'till', 0)
call('PEXPIRE', r, 2678400000)
call('SADD', p .. 'wdj', ARGV[2])
return {1, unpack(job())}
