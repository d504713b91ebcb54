-- blob_put: bytes too large for the record, written before the completion that names them
-- args: item token bytes
-- prelude: yes
-- flags: allow-oom
-- returns the blob's name, "path.n"; {0} not yours. Each claim has its own name: a late holder cannot overwrite a
--   recorded one. Its owner is the execution; execution_archive removes them all
-- repeats same bytes
-- cost O(size)

local _, _, owner, path = parse(ARGV[2])
local state = call('HGET', home(owner, path), path) or ''
if string.sub(state, 2) ~= ARGV[3] or not match(state, '^[rbv]') then return {0} end
local blob = path .. '.' .. match(ARGV[3], '^%d+')
call('SET', p .. 'b:' .. owner .. '/' .. blob, ARGV[4])
call('SADD', p .. 'bl:' .. owner, blob)
return blob
