-- task_offer: put a task into the queue of a pull agent
-- args: task agent lease session fence left_ms rank envelope most
-- prelude: yes
-- returns {'ok', session} with a replica at which a worker of the agent polls, or '' | {'full', n}
-- repeats offers it anew; what was leased before is superseded
-- cost O(log queue)

local task, agent, session, left_ms = ARGV[2], ARGV[3], ARGV[5], tonumber(ARGV[7])
local queue, key, polls = p .. 'tq:' .. agent, p .. 'tk:' .. task, p .. 'tp:' .. agent
local n = call('ZCARD', queue)
if n >= tonumber(ARGV[10]) then return {'full', n} end

local old = call('HMGET', key, 'l', 'o')
local before = old[1] and string.sub(old[1] .. ' ' .. (old[2] or ''), 1, 512) or ''
call('DEL', key)
call('HSET', key, 's', 'q', 'l', ARGV[4], 'f', ARGV[6], 'w', session, 'g', agent, 'u', now + left_ms, 'e', ARGV[9], 'o', before)
call('PEXPIRE', key, left_ms + 900000)
call('ZADD', queue, fmt('%.0f', tonumber(ARGV[8]) * TIER + call('INCR', p .. 'tn')), task)
call('PEXPIRE', queue, math.max(left_ms, call('PTTL', queue)) + 1000)
call('ZREMRANGEBYSCORE', polls, '-inf', now)
if call('ZSCORE', polls, session) then return {'ok', session} end
return {'ok', call('ZRANGE', polls, -1, -1)[1] or ''}
