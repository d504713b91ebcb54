-- secret_put: write one version of a secret, unless somebody else wrote one meanwhile
--
-- KEYS[1] prefix  of the identities
-- args: tenant name record before most
--   record  `version|frame`, opaque behind the bar
--   before  the version it follows; 0: there is none
--   most    secrets a tenant may have
--
-- returns  1 written, 0 another version is there, -1 the tenant has `most`
-- repeats  0
-- cost     O(1)
local index = KEYS[1] .. 's:' .. ARGV[2]
local now = redis.call('HGET', index, ARGV[3])
local version = now and string.match(now, '^(%d+)|') or '0'
if version ~= ARGV[5] then
  return 0
end
if not now and redis.call('HLEN', index) >= tonumber(ARGV[6]) then
  return -1
end
redis.call('HSET', index, ARGV[3], ARGV[4])
return 1
