-- reader_redrive: dead letters of a reader are handed to it again, each once
-- args: name
-- more: places in the stream of dead letters
-- returns for each 1 it is handed over, 0 there is no such dead letter
-- repeats 0
-- cost O(1) each

local p, call, name, out = KEYS[1], redis.call, ARGV[2], {}
for i = 3, #ARGV do
  local found = call('XRANGE', p .. 'dl:c:' .. name, ARGV[i], ARGV[i])[1]
  out[#out + 1] = found and 1 or 0
  if found then
    local letter = {n = 0}
    for j = 1, #found[2], 2 do letter[found[2][j]] = found[2][j + 1] end
    call('XDEL', p .. 'dl:c:' .. name, ARGV[i])
    call('DEL', p .. 'bd:' .. name .. ':' .. letter.id)     -- it may die again
    call('RPUSH', p .. 'rd:' .. name, cmsgpack.pack({id = letter.id, e = letter.e, n = 0}))
  end
end
return out
