-- workflow_archive: no new executions of this workflow; those that run go on, its versions stay
-- args: tenant id at_ms
-- flags: allow-oom
-- returns {1} archived; {2} it was already; {-1} no such workflow
-- repeats {2}
-- cost O(1)

local key = KEYS[1] .. 'w:' .. ARGV[2] .. ':' .. ARGV[3]
local h = redis.call('HMGET', key, 'last', 'archived')
if not h[1] then return {-1} end
if h[2] then return {2} end
redis.call('HSET', key, 'archived', ARGV[4])
return {1}
