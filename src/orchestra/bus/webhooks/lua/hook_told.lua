-- hook_told: how an attempt ended: the log, the circuit, and what follows from it
-- args: hook slot out probe most delivery since chance
-- more: fields and values of the log entry
-- prelude: yes
--   slot   token:number of hook_admit, or any name that is used once
--   out    ok, bad: the circuit hears of it     none: only the log
--   chance 0 to 1: an open circuit stays open for a fifth more or less
--   since  keep: the delivery blocks its group from now on, if it does not already     drop: no longer     ''
-- flags: allow-oom
-- returns {now, circuit c o h, until when, 1 it has opened, 1 it has closed, since when all fails or 0, failures since,
--   1 a warning is due, 1 it is to be disabled, 1 it works again after a warning}
-- repeats in a minute: the same, and nothing is added
-- cost O(1)

local k, t, out = p .. 'wd:' .. ARGV[2] .. ':', now(), ARGV[4]
local c, seen = k .. 'c', p .. 'i:wd:' .. ARGV[2] .. ':' .. ARGV[3]
local before = call('GET', seen)
if before then return cmsgpack.unpack(before) end
call('ZREM', k .. 'f', ARGV[3])
if ARGV[10] then
  call('XADD', k .. 'a', 'MAXLEN', 1000, '*', 'at', fmt('%.0f', t), 'd', ARGV[7], unpack(ARGV, 10))
  call('XTRIM', k .. 'a', 'MINID', '~', fmt('%.0f', t - 2592000000))
  call('PEXPIRE', k .. 'a', 2592000000)
end
if ARGV[8] == 'drop' then call('HDEL', k .. 'd', ARGV[7]) end
if ARGV[8] == 'keep' then
  call('HSETNX', k .. 'd', ARGV[7], fmt('%.0f', t))
  call('PEXPIRE', k .. 'd', 2678400000)
end
local h = call('HMGET', c, 'st', 'till', 'lim', 'row', 'n', 'fs', 'fn', 'warn')
local st, till, most, told = h[1] or 'c', tonumber(h[2]) or 0, tonumber(ARGV[6]), {}
local lim, fs, fn = math.min(tonumber(h[3]) or 2, most), tonumber(h[6]) or 0, tonumber(h[7]) or 0
local opened, closed, warn, disable, well = 0, 0, 0, 0, 0
local function tally(good, bad)                            -- outcomes of the last minute, ten seconds each
  local slice = math.floor(t / 10000)
  local name, all, failed = 'b' .. slice % 6, 0, 0
  local at_, g, b = match(call('HGET', c, name) or '', '^(%d+):(%d+):(%d+)$')
  if tonumber(at_) ~= slice then g, b = 0, 0 end
  call('HSET', c, name, fmt('%.0f:%d:%d', slice, g + good, b + bad))
  if bad == 0 then return 0, 0 end
  for i = 0, 5 do
    at_, g, b = match(call('HGET', c, 'b' .. i) or '', '^(%d+):(%d+):(%d+)$')
    if at_ and tonumber(at_) > slice - 6 then all, failed = all + g + b, failed + b end
  end
  return all, failed
end
if out == 'ok' then
  if st ~= 'c' then
    closed, lim = 1, 1
    call('HDEL', c, 'till', 'n', 'b0', 'b1', 'b2', 'b3', 'b4', 'b5')
  end
  well = h[8] and 1 or 0
  st, till, lim, fs, fn = 'c', 0, math.min(lim + 1, most), 0, 0
  call('HSET', c, 'st', st, 'lim', lim, 'row', 0, 'ok', fmt('%.0f', t))
  call('HDEL', c, 'fs', 'fn', 'warn')
  tally(1, 0)
elseif out == 'bad' then
  local row, all, failed = (tonumber(h[4]) or 0) + 1, tally(0, 1)
  fs, fn, lim = fs > 0 and fs or t, fn + 1, math.max(1, math.floor(lim / 2))
  call('HSET', c, 'row', row, 'fs', fmt('%.0f', fs), 'fn', fn, 'lim', lim)
  if st == 'h' and ARGV[5] == '1' or st == 'c' and (row >= 5 or all >= 20 and failed * 2 >= all) then
    local times = (tonumber(h[5]) or 0) + 1
    opened, st, till = 1, 'o', t + math.min(30000 * 2 ^ (times - 1), 900000) * (0.8 + 0.4 * ARGV[9])
    call('HSET', c, 'st', st, 'till', fmt('%.0f', till), 'n', times)
  end
  if t - fs >= 432000000 and fn >= 20 then disable = 1 end
  if t - fs >= 86400000 and not h[8] then
    warn = 1
    call('HSET', c, 'warn', 1)
  end
end
if out ~= 'none' then call('PEXPIRE', c, 2678400000) end
told = {t, st, till, opened, closed, fs, fn, warn, disable, well}
call('SET', seen, cmsgpack.pack(told), 'PX', 60000)
return told
