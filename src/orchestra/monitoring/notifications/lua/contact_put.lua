-- contact_put: keep a contact, or what it was changed to
-- args: tenant id name revision record most default
--   revision  of this record: 1 is a new one, n takes the place of n - 1
--   default   1: it is the default one from now on; 0: it is not
-- returns 1 kept; 0 there is none, or one of another revision; -1 there are too many; -2 the name is another's
-- repeats 1 when the same is there
-- cost O(names of the tenant), at most 50
local p, call = KEYS[1], redis.call
local tenant, id, name = ARGV[2], ARGV[3], ARGV[4]
local all, names = p .. 'c:' .. tenant, p .. 'cn:' .. tenant
local record = ARGV[5] .. '|' .. ARGV[6]
local known = call('HGET', all, id)
if known ~= record then
  local has = known and tonumber(string.match(known, '^(%d+)|')) or 0
  if has ~= tonumber(ARGV[5]) - 1 then return 0 end
  if not known and call('HLEN', all) >= tonumber(ARGV[7]) then return -1 end
  local owner = call('HGET', names, name)
  if owner and owner ~= id then return -2 end
end
local pairs_of = call('HGETALL', names)
for i = 1, #pairs_of, 2 do
  if pairs_of[i] ~= '*' and pairs_of[i + 1] == id then call('HDEL', names, pairs_of[i]) end
end
call('HSET', all, id, record)
call('HSET', names, name, id)
if ARGV[8] == '1' then
  call('HSET', names, '*', id)
elseif call('HGET', names, '*') == id then
  call('HDEL', names, '*')
end
return 1
