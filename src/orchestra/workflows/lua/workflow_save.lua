-- workflow_save: a new workflow, or the next version of one; the same content makes no new version
-- args: tenant id name digest document facts expected create created_ms idem idem_digest idem_ttl_ms
--   document  the framed normalised definition, found by its digest     facts  JSON of the workflow shown in lists
--   expected  '' or the version the caller saw (If-Match)               create 1: the id is new
--   idem      '' or the digest of an Idempotency-Key
-- returns {1, id, version} saved; {0, id, version} the same content as the last version; {2, id, version} this key was
--         used before with the same body; {3, id} with another body; {-1} no such workflow; {-2, version} not the expected one
-- repeats {0} or {2}
-- cost O(1)

local p = KEYS[1]
local call, match = redis.call, string.match
local tenant, id, name, digest = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key, names = p .. 'w:' .. tenant .. ':' .. id, p .. 'n:' .. tenant
if ARGV[11] ~= '' then
  local known = call('GET', p .. 'i:' .. ARGV[11])
  if known then
    local first, version, body = match(known, '^(%S+) (%d+) (.*)$')
    return {body == ARGV[12] and 2 or 3, first, tonumber(version)}
  end
end
local old = call('HMGET', key, 'last', 'name', 'digest')
if ARGV[9] ~= '1' and not old[1] then return {-1} end
if ARGV[8] ~= '' and old[1] ~= ARGV[8] then return {-2, tonumber(old[1]) or 0} end
local version = tonumber(old[1]) or 0
local fresh = old[3] ~= digest
if fresh then
  version = version + 1
  call('SETNX', p .. 'd:' .. digest, ARGV[6])
  call('HSET', key, 'v' .. version, digest .. ' ' .. ARGV[10])
end
call('HSET', key, 'last', version, 'active', version, 'digest', digest, 'name', name, 'facts', ARGV[7])
call('HSETNX', key, 'created', ARGV[10])
call('HSET', key, 'updated', ARGV[10])
call('HDEL', key, 'archived')
if old[2] ~= name then
  local function without(ids)
    local kept = {}
    for other in string.gmatch(ids or '', '%S+') do
      if other ~= id then kept[#kept + 1] = other end
    end
    return kept
  end
  if old[2] then
    local kept = without(call('HGET', names, old[2]))
    if #kept == 0 then call('HDEL', names, old[2]) else call('HSET', names, old[2], table.concat(kept, ' ')) end
  end
  local all = without(call('HGET', names, name))
  all[#all + 1] = id
  call('HSET', names, name, table.concat(all, ' '))
end
if not old[1] then call('ZADD', p .. 'ix:' .. tenant, ARGV[10], id) end
if ARGV[11] ~= '' then call('SET', p .. 'i:' .. ARGV[11], id .. ' ' .. version .. ' ' .. ARGV[12], 'PX', ARGV[13]) end
return {fresh and 1 or 0, id, version}
