-- group_put: keep what a contact was told of some alerts, and the letters that were decided with it
-- args: tenant group revision record due_ms now_ms ttl_ms most letters_max
--   revision  of this record; the one that is there must be the one before, 0 when there is none
--   due_ms    when it is to be looked at again, '' never
-- more: id and record of each letter
-- returns 1 kept; 0 somebody else changed it meanwhile; -1 there are too many groups; -2 too many letters wait
-- repeats 1 when the same is there
-- cost O(letters + log groups)
local p, call = KEYS[1], redis.call
local tenant, group, now = ARGV[2], ARGV[3], tonumber(ARGV[7])
local key, all, name = p .. 'g:' .. tenant .. ':' .. group, p .. 'gx:' .. tenant, tenant .. '|' .. group
local record = ARGV[4] .. '|' .. ARGV[5]
local known = call('GET', key)
if known == record then return 1 end
local has = known and tonumber(string.match(known, '^(%d+)|')) or 0
if has ~= tonumber(ARGV[4]) - 1 then return 0 end
if not known then
  call('ZREMRANGEBYSCORE', all, '-inf', now)
  if call('ZCARD', all) >= tonumber(ARGV[9]) then return -1 end
end
if #ARGV > 10 and call('HLEN', p .. 'out') >= tonumber(ARGV[10]) then return -2 end
call('SET', key, record, 'PX', ARGV[8])
call('ZADD', all, string.format('%.0f', now + tonumber(ARGV[8])), group)
call('PEXPIRE', all, 3456000000)
if ARGV[6] == '' then
  call('ZREM', p .. 'due', name)
else
  call('ZADD', p .. 'due', ARGV[6], name)
end
for i = 11, #ARGV, 2 do call('HSETNX', p .. 'out', ARGV[i], ARGV[i + 1]) end
return 1
