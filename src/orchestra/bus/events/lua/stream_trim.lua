-- stream_trim: forget of a stream what is too old, and the oldest of what is too much
-- args: stream keep_ms keep_bytes
-- flags: allow-oom
-- returns how many entries went
-- repeats: 0
-- cost what goes, at most 20,000 entries. keep_bytes 0: any size

local key, at, call, fmt = KEYS[1] .. ARGV[2], ARGV[1], redis.call, string.format
local t = call('TIME')
local now = at ~= '' and tonumber(at) or t[1] * 1000 + math.floor(t[2] / 1000)
local gone = call('XTRIM', key, 'MINID', '~', fmt('%.0f', math.max(now - ARGV[3], 0)), 'LIMIT', 10000)
local most = tonumber(ARGV[4])
if most > 0 then
  local size = call('MEMORY', 'USAGE', key) or 0
  if size > most then
    local keep = math.floor(call('XLEN', key) * most / size)
    gone = gone + call('XTRIM', key, 'MAXLEN', '~', keep, 'LIMIT', 10000)
  end
end
return gone
