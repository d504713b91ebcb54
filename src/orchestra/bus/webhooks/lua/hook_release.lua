-- hook_release: places that were given by hook_admit and are not needed
-- args: hook token first last rate
-- prelude: yes
-- flags: allow-oom
--   first, last  numbers of the places
-- returns how many were given back
-- repeats 0
-- cost O(places · log in flight)

local k, t, n = p .. 'wd:' .. ARGV[2] .. ':', now(), 0
for i = tonumber(ARGV[4]), tonumber(ARGV[5]) do n = n + call('ZREM', k .. 'f', ARGV[3] .. ':' .. i) end
if n == 0 then return 0 end
if ARGV[6] ~= '0' then call('HINCRBYFLOAT', k .. 'c', 'tok', n) end
if call('HGET', k .. 'c', 'st') == 'h' then call('HSET', k .. 'c', 'st', 'o', 'till', fmt('%.0f', t)) end   -- it was the probe
return n
