-- prelude: what is measured, added to the open chunks of its series
-- returns nothing: the loader puts those of these functions in front of a script that it uses
-- cost none by itself
--
-- spans: by kind of chunk a list of {seconds a slot, seconds a chunk, seconds kept}
-- item:  {kind, tenant, series, second, value, replica}: kind c integer, f number, g gauge, h histogram
-- histogram: {count, sum, least, greatest, bucket, n, bucket, n, …}, buckets ascending

local p = KEYS[1]
local call, fmt, floor = redis.call, string.format, math.floor

local function number(n) return n == floor(n) and n > -1e15 and n < 1e15 and fmt('%.0f', n) or fmt('%.17g', n) end

local function merged(had, more)
  local count, sums = {}, {had[1] + more[1], had[2] + more[2], math.min(had[3], more[3]), math.max(had[4], more[4])}
  for _, one in ipairs({had, more}) do
    for i = 5, #one, 2 do count[one[i]] = (count[one[i]] or 0) + one[i + 1] end
  end
  local order = {}
  for bucket in pairs(count) do order[#order + 1] = bucket end
  table.sort(order)
  for _, bucket in ipairs(order) do
    sums[#sums + 1] = bucket
    sums[#sums + 1] = count[bucket]
  end
  return sums
end

local function put(spans, item)
  local kind, at, value = item[1], item[4], item[5]
  local letter = kind == 'f' and 'c' or kind
  for _, span in ipairs(spans[letter]) do
    local key = p .. 'm:' .. item[2] .. ':' .. letter .. ':' .. item[3] .. ':' .. fmt('%.0f:%.0f', span[1], floor(at / span[2]))
    local slot = fmt('%.0f', floor(at % span[2] / span[1]))
    local fresh
    if kind == 'c' then
      local n = number(value)
      fresh = call('HINCRBY', key, slot, n) == tonumber(n)
    elseif kind == 'f' then
      call('HINCRBYFLOAT', key, slot, number(value))
      fresh = call('TTL', key) < 0
    elseif kind == 'g' then
      fresh = call('HSET', key, slot .. ':' .. item[6], number(value)) == 1
    else
      local had = call('HGET', key, slot)
      fresh = not had
      call('HSET', key, slot, cmsgpack.pack(had and merged(cmsgpack.unpack(had), value) or value))
    end
    if fresh then call('EXPIRE', key, fmt('%.0f', span[2] + span[3])) end
  end
end
