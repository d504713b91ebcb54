-- hook_admit: how many deliveries to an endpoint may begin now, of all replicas together
-- args: hook token want most rate lease_ms revision
-- prelude: yes
--   hook      "<tenant>:<endpoint>"       token  names this call
--   want      deliveries, at most         most   in flight at once      rate  a second, 0: any number
--   revision  of the endpoint: a later one forgets what was known of its circuit
-- flags: allow-oom
-- returns {how many, ms to wait when none, circuit c closed o open h half open, 1 when it is the one probe}
-- repeats with the same token: the same
-- cost O(want · log in flight)
--
-- Under "<prefix>wd:<hook>:"  c HASH st circuit, till when it stays so, n times it opened in a row, row failures in a row,
-- b0 … b5 outcomes of ten seconds each, lim in flight, tok and tat tokens and when, rev, ok last success, fs failing since,
-- fn failures since, warn said so, err last error     f ZSET token:number -> until when it holds its place

local k, t = p .. 'wd:' .. ARGV[2] .. ':', now()
local c, f, token, rate = k .. 'c', k .. 'f', ARGV[3], tonumber(ARGV[6])
local h, n = call('HMGET', c, 'st', 'till', 'lim', 'tok', 'tat', 'rev'), 0
if tonumber(ARGV[8]) > (tonumber(h[6]) or 0) then
  if h[6] then call('HDEL', c, 'st', 'till', 'n', 'row', 'fs', 'fn', 'warn', 'b0', 'b1', 'b2', 'b3', 'b4', 'b5') end
  call('HSET', c, 'rev', ARGV[8])
  h[1] = false
end
local st, till = h[1] or 'c', tonumber(h[2]) or 0
while call('ZSCORE', f, token .. ':' .. n + 1) do n = n + 1 end
if n > 0 then return {n, 0, st, st == 'h' and 1 or 0} end
local function take(count)
  for i = 1, count do call('ZADD', f, fmt('%.0f', t + ARGV[7]), token .. ':' .. i) end
  call('PEXPIRE', f, 3600000)
  call('PEXPIRE', c, 2678400000)
end
call('ZREMRANGEBYSCORE', f, '-inf', t)
if st ~= 'c' then
  if till > t then return {0, till - t, st, 0} end
  call('HSET', c, 'st', 'h', 'till', fmt('%.0f', t + ARGV[7]))   -- a probe that is lost is made anew
  take(1)
  return {1, 0, 'h', 1}
end
local may = math.min(tonumber(ARGV[4]), math.min(tonumber(h[3]) or 2, tonumber(ARGV[5])) - call('ZCARD', f))
if may <= 0 then return {0, 1000, st, 0} end
if rate > 0 then
  local tokens = math.min(rate, (tonumber(h[4]) or rate) + (t - (tonumber(h[5]) or t)) * rate / 1000)
  may = math.min(may, math.floor(tokens + 0.001))
  if may <= 0 then return {0, math.ceil((1 - tokens) * 1000 / rate), st, 0} end
  call('HSET', c, 'tok', fmt('%.3f', tokens - may), 'tat', fmt('%.0f', t))
end
take(may)
return {may, 0, st, 0}
