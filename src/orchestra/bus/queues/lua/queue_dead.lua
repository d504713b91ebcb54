-- queue_dead: a page of the dead letters, the oldest first
-- args: queue after max filter
-- more: ids; none: all
-- prelude: yes
-- flags: allow-oom
--   after   '' or the burial behind which to go on                        filter  '' or which ones, see the prelude
-- returns {1, burial looked at last or '' at the end, id, tries, born, died, class, group, told, body, …}; told is kind|why;
--   {-1} there is no such queue. A page may be short, or empty, before the end
-- repeats reads again
-- cost O(log dead + max), about 8 MiB at most; with a filter up to 2,000 are looked at

if not exists() then return {-1} end
local low, out, size, last = ARGV[3] == '' and '-inf' or '(' .. ARGV[3], {1, ''}, 0, ''
local most, suits = tonumber(ARGV[4]), filter(ARGV[5])
local look = ARGV[5] == '' and most or LOOKED
local found, named = {}, {}
for _, id in ipairs({unpack(ARGV, 6)}) do
  local burial = tonumber(call('ZSCORE', q .. 'z', id) or 0)
  if burial > (tonumber(ARGV[3]) or 0) then named[#named + 1] = {id, burial} end
end
table.sort(named, function(one, other) return one[2] < other[2] end)
for _, one in ipairs(named) do found[#found + 1], found[#found + 2] = one[1], fmt('%.0f', one[2]) end
if not ARGV[6] then found = call('ZRANGEBYSCORE', q .. 'z', low, '+inf', 'WITHSCORES', 'LIMIT', 0, look + 1) end
for i = 1, #found, 2 do
  local m, n = fetch(found[i]), #out
  if i > 2 * look or n >= 2 + 8 * most or size > 8388608 then
    out[2] = last
    break
  end
  if suits(m) then
    local body = call('HGET', q .. 'b', m.id)
    size = size + #body
    out[n + 1], out[n + 2], out[n + 3], out[n + 4] = m.id, m.tries, fmt('%.0f', m.born), fmt('%.0f', m.due)
    out[n + 5], out[n + 6], out[n + 7], out[n + 8] = m.class, m.group, call('HGET', q .. 'e', m.id) or '|', body
  end
  last = found[i + 1]
end
return out
