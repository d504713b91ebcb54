-- profiles_keep: profiles of executions of one partition are kept, each once, and how far that is
-- args: tag until day day_max tenant_max bytes_max keep_days skipped
--   until: the end, in ms, up to which the executions of the partition are in, these included
--   day: today. skipped: executions that are passed over
-- more: workflow, day, profile (16 bytes of the id, 6 of the end, the rest), and so on
-- flags: allow-oom
-- returns {how many were kept, 1 when something gave way}
-- repeats {0, 0}: the end of each is behind `until` of the partition
-- cost O(profiles); O(profiles of a day) when it is halved, or of what gives way

local p, call, fmt = KEYS[1], redis.call, string.format
local tag, until_ms, today = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local day_max, tenant_max, bytes_max, keep = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local ix, n, st, at = p .. 'ix', p .. 'n', p .. 'st', p .. 'at'
local before = tonumber(call('HGET', at, tag) or '-1')
if until_ms <= before then return {0, 0} end

local function grew(name, count, bytes)
  call('HINCRBY', n, name .. ':c', count)
  call('HINCRBY', n, name .. ':b', bytes)
  call('HINCRBY', st, 'n', count)
  call('HINCRBY', st, 'b', bytes)
end
local function chosen(one, level) return string.byte(one, 15) % 2 ^ level == 0 end
local function ended(one)
  local ms = 0
  for i = 17, 22 do ms = ms * 256 + string.byte(one, i) end
  return ms
end

local function halve(name, level)                         -- from now on one in twice as many, of those that are here too
  call('HSET', n, name .. ':l', level)
  local key, count, bytes = p .. 'd:' .. name, 0, 0
  local all = call('LRANGE', key, 0, -1)
  call('UNLINK', key)
  for _, one in ipairs(all) do
    if chosen(one, level) then call('RPUSH', key, one) else count, bytes = count - 1, bytes - #one end
  end
  call('EXPIRE', key, (keep + 2) * 86400)
  grew(name, count, bytes)
end

local kept = 0
for i = 10, #ARGV, 3 do
  local name, one = ARGV[i] .. ':' .. ARGV[i + 1], ARGV[i + 2]
  local level = tonumber(call('HGET', n, name .. ':l') or '0')
  if ended(one) > before and chosen(one, level) then
    local key = p .. 'd:' .. name
    call('RPUSH', key, one)
    call('EXPIRE', key, (keep + 2) * 86400)
    call('ZADD', ix, ARGV[i + 1], name)
    grew(name, 1, #one)
    kept = kept + 1
    if level < 8 and tonumber(call('HGET', n, name .. ':c')) > day_max then halve(name, level + 1) end
  end
end
if tonumber(ARGV[9]) > 0 then call('HINCRBY', st, 's:' .. today, ARGV[9]) end
call('HSET', at, tag, fmt('%.0f', until_ms))

local gave = 0
for _ = 1, 256 do
  local oldest = call('ZRANGE', ix, 0, 0, 'WITHSCORES')
  if not oldest[1] then break end
  local full = tonumber(call('HGET', st, 'n') or '0') > tenant_max or tonumber(call('HGET', st, 'b') or '0') > bytes_max
  if not full and tonumber(oldest[2]) >= today - keep then break end
  local name = oldest[1]
  local had = call('HMGET', n, name .. ':c', name .. ':b')
  grew(name, -(tonumber(had[1]) or 0), -(tonumber(had[2]) or 0))
  call('HDEL', n, name .. ':c', name .. ':b', name .. ':l')
  call('UNLINK', p .. 'd:' .. name, p .. 'z:' .. name)
  call('ZREM', ix, name)
  call('HDEL', st, 's:' .. fmt('%.0f', oldest[2] - 1))
  if full then gave = 1 end
end
for _, key in ipairs({ix, n, st, at}) do call('EXPIRE', key, (keep + 2) * 86400) end
return {kept, gave}
