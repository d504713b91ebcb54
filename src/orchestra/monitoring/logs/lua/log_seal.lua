-- log_seal: what was open from one position to another is in chunks now; forget what is too old
-- args: since until lines entries keep_s keep_bytes
-- more: name, ms of the last line, header, data, lines of each chunk
-- prelude: yes
-- returns 1, or 0 when somebody else has sealed what is behind `since`
-- repeats the second returns 0 and changes nothing
-- cost O(chunks), those that are forgotten included: at most 256

local since, last, lines, entries = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local keep_s, keep_bytes = tonumber(ARGV[6]), tonumber(ARGV[7])
local t, st, ix, h = now(), p .. 'st', p .. 'ix', p .. 'h'
if (call('HGET', st, '@') or '0-0') ~= since then return 0 end

for i = 8, #ARGV, 5 do
  local name, data = ARGV[i], ARGV[i + 3]
  call('SET', p .. 'c:' .. name, data, 'EX', keep_s)
  call('HSET', h, name, ARGV[i + 2])
  call('ZADD', ix, ARGV[i + 1], name)
  call('HINCRBY', st, 'b', #data + #ARGV[i + 2])
  call('HINCRBY', st, 'l', ARGV[i + 4])
end
call('HSET', st, '@', last, 'a', t)
call('HDEL', st, 's')
if call('HINCRBY', st, 'o', -lines) <= 0 then call('HSET', st, 'o', 0) end
if call('HINCRBY', st, 'e', -entries) <= 0 then call('HSET', st, 'e', 0) end

for _ = 1, 256 do
  local oldest = call('ZRANGE', ix, 0, 0, 'WITHSCORES')
  local bytes = number('b')
  if not oldest[1] or (bytes <= keep_bytes and tonumber(oldest[2]) >= t - keep_s * 1000) then break end
  local key = p .. 'c:' .. oldest[1]
  local n = tonumber(string.match(oldest[1], '%.(%d+)$'))
  call('HINCRBY', st, 'b', -(tonumber(string.match(oldest[1], '%.(%d+)%.%d+$'))))
  call('HINCRBY', st, 'l', -n)
  call('DEL', key)
  call('HDEL', h, oldest[1])
  call('ZREM', ix, oldest[1])
end
for _, key in ipairs({ix, h, st}) do call('EXPIRE', key, keep_s) end
return 1
