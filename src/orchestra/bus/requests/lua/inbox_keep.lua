-- inbox_keep: the owner of an inbox lives, and has read it so far
-- args: session ttl_ms read
-- flags: allow-oom
-- returns 1; 0 when the inbox is gone, and with it what was in it. read = '': make it, anew
-- repeats harmless
-- cost O(entries read since)

local key, ttl, read = KEYS[1] .. 'rq:' .. ARGV[2], ARGV[3], ARGV[4]
if read == '' then
  redis.call('XADD', key, '*', 'm', '')
elseif redis.call('EXISTS', key) == 0 then
  return 0
elseif read ~= '0-0' then
  redis.call('XTRIM', key, 'MINID', read)
end
return redis.call('PEXPIRE', key, ttl)
