-- process_beat: this process lives and serves this; who else does
-- args: session about keep_ms ttl_ms
-- flags: allow-oom
-- returns {ms of the store, session, 'beats|about', …}: every process heard of within keep_ms
-- repeats count as one beat more, which changes nothing
-- cost O(processes)

local p, at, call, fmt = KEYS[1], ARGV[1], redis.call, string.format
local t = call('TIME')
local now = at ~= '' and tonumber(at) or t[1] * 1000 + math.floor(t[2] / 1000)
local key, session, about, keep = p .. 'srv', ARGV[2], ARGV[3], tonumber(ARGV[4])
if session ~= '' then
  local old = call('HGET', key, session)
  local beats = old and tonumber(string.match(old, '^%d+|(%d+)|')) or 0
  call('HSET', key, session, fmt('%.0f|%.0f|', now, beats + 1) .. about)
  call('PEXPIRE', key, ARGV[5])
end
local all, reply = call('HGETALL', key), {fmt('%.0f', now)}
for i = 1, #all, 2 do
  local seen, rest = string.match(all[i + 1], '^(%d+)|(.*)$')
  if tonumber(seen) < now - keep then
    call('HDEL', key, all[i])
  else
    reply[#reply + 1] = all[i]
    reply[#reply + 1] = rest
  end
end
return reply
