-- journal_apply: what was counted in streams is added to the series of this slot, and how far that was
-- args: moves spans
--   moves  msgpack, a list of {stream, from, to}: `from` is what this slot had last, '' for nothing
-- more: items, each msgpack: see the prelude
-- prelude: yes
-- flags: allow-oom
-- returns 1 added; 2 it was added before; 0 this slot is elsewhere: nothing changed, read its positions again
-- repeats 2. Two readers at once: one of them is told 0
-- cost O(streams + items)

local moves, at = cmsgpack.unpack(ARGV[2]), p .. 'm:at'
local new, old = true, true
for _, move in ipairs(moves) do
  local now = call('HGET', at, move[1]) or ''
  new, old = new and now == move[2], old and now == move[3]
end
if not new then return old and 2 or 0 end
for _, move in ipairs(moves) do call('HSET', at, move[1], move[3]) end
local spans = cmsgpack.unpack(ARGV[3])
for i = 4, #ARGV do put(spans, cmsgpack.unpack(ARGV[i])) end
return 1
