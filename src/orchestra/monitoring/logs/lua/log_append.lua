-- log_append: put a batch of lines behind the others, and say whether to seal
-- args: replica number lines tail_lines open_lines seal_ms keep_s
-- more: the batch, zlib
-- prelude: yes
-- returns {position or '', 1 when the caller is to seal what is open}
-- repeats the same number of a replica again adds nothing; without a replica's name it does
-- cost O(1); entries that fall out of the tail, each once

local replica, num, lines = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local tail_lines, open_lines, seal_ms, keep_s = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local t, tail, st, said = now(), p .. 't', p .. 'st', p .. 'sq:' .. replica

local position = ''
if replica == '' or num > tonumber(call('GET', said) or '-1') then
  position = call('XADD', tail, '*', 'n', lines, 'z', ARGV[9])
  if replica ~= '' then call('SET', said, num, 'EX', 3600) end
  local open = call('HINCRBY', st, 'o', lines)
  if open == lines then call('HSET', st, 'a', t) end
  call('HINCRBY', st, 'e', 1)
  local held, sealed = call('HINCRBY', st, 't', lines), call('HGET', st, '@') or '0-0'
  while held > tail_lines do
    local oldest = call('XRANGE', tail, '-', '+', 'COUNT', 1)[1]
    if not oldest then break end
    local is_open, n = after(oldest[1], sealed), tonumber(oldest[2][2])
    if is_open and open <= open_lines then break end
    call('XDEL', tail, oldest[1])
    held = call('HINCRBY', st, 't', -n)
    if is_open then                                       -- nobody seals: the bound holds all the same
      open = call('HINCRBY', st, 'o', -n)
      call('HINCRBY', st, 'e', -1)
      call('HINCRBY', st, 'x', n)
    end
  end
  call('EXPIRE', tail, keep_s)
  call('EXPIRE', st, keep_s)
end

local full = number('o') >= 1024 or number('e') >= 256 or t - number('a') >= seal_ms
if full and number('o') > 0 and number('s') <= t then
  call('HSET', st, 's', t + 3000)
  return {position, 1}
end
return {position, 0}
