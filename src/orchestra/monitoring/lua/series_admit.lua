-- series_admit: series that are new are kept, as long as there is room; known ones are seen
-- args: tenant now_s own metric_max tenant_max histograms_max all_max idle_s whole
--   own 1: a metric of ours       whole 1: when one cannot be kept, none that is new is, and nothing is said of those behind it
-- more: series, metric, kind (c f g h), unit, labels as JSON, and so on
-- flags: allow-oom
-- returns for each: 1 kept; -1 the metric is full; -2 the tenant is; -3 the installation is; or "kind unit" it has instead
-- repeats the same
-- cost O(series), and O(series of the tenant) when it is full

local p, call = KEYS[1], redis.call
local tenant, now, own = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local reg, seen, mt = p .. 'reg:' .. tenant, p .. 'seen:' .. tenant, p .. 'mt:' .. tenant
local metric_max, tenant_max = tonumber(ARGV[5]), tonumber(ARGV[6])
local histograms_max, all_max = tonumber(ARGV[7]), tonumber(ARGV[8])
local found, swept, added = {}, false, {}

local function idx(name) return p .. 'idx:' .. tenant .. ':' .. name end

local function drop(sid)
  local about = call('HGET', reg, sid)
  call('ZREM', seen, sid)
  if not about then return end
  local row = cjson.decode(about)
  call('HDEL', reg, sid)
  call('SREM', idx(row.name), sid)
  call('DECR', p .. 'n')
  if row.kind == 'h' then call('HINCRBY', mt, '#h', -1) end
  if call('EXISTS', idx(row.name)) == 0 then call('HDEL', mt, row.name) end
end

local function full(name, kind)
  if call('SCARD', idx(name)) >= metric_max then return -1 end
  if call('HLEN', reg) >= tenant_max then return -2 end
  if kind == 'h' and tonumber(call('HGET', mt, '#h') or '0') >= histograms_max then return -2 end
  if tonumber(call('GET', p .. 'n') or '0') >= all_max then return -3 end
end

for i = 11, #ARGV, 5 do
  local sid, name, kind, unit, labels = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local fixed, is = call('HGET', mt, name), kind .. ' ' .. unit .. ' ' .. own
  local result = 1
  if fixed and fixed ~= is then
    result = fixed
  elseif call('HEXISTS', reg, sid) == 0 then
    local why = labels ~= '{"other":"true"}' and full(name, kind)
    if why and not swept then
      swept = true
      for _, old in ipairs(call('ZRANGEBYSCORE', seen, '-inf', now - tonumber(ARGV[9]), 'LIMIT', 0, 500)) do drop(old) end
      why = full(name, kind)
    end
    if why then
      result = why
    else
      call('HSET', reg, sid, '{"name":' .. cjson.encode(name) .. ',"kind":"' .. kind .. '","labels":' .. labels .. '}')
      call('SADD', idx(name), sid)
      call('HSET', mt, name, is)
      call('SADD', p .. 'tn', tenant)
      call('INCR', p .. 'n')
      if kind == 'h' then call('HINCRBY', mt, '#h', 1) end
      added[#added + 1] = sid
    end
  end
  found[#found + 1] = result
  if result == 1 then
    call('ZADD', seen, now, sid)
  elseif ARGV[10] == '1' then
    for _, one in ipairs(added) do drop(one) end
    break
  end
end
return found
