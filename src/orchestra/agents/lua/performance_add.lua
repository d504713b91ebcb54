-- performance_add: what calls of a replica did is added to the figures of their agents
-- args: session n fine_s fine_chunk_s fine_kept_s coarse_s coarse_chunk_s coarse_kept_s
-- more: agent, second of the bucket, its counts (msgpack: name -> integer), and so on
-- prelude: yes
-- flags: allow-oom
-- returns 1, or 0 when it was added before
-- repeats 0: n is counted by the session, and grows
-- cost O(counts)

local done = tonumber(call('HGET', p .. 'pfs', ARGV[2]) or '0')
if tonumber(ARGV[3]) <= done then return 0 end
call('HSET', p .. 'pfs', ARGV[2], ARGV[3])
call('EXPIRE', p .. 'pfs', 7200)

local function add(agent, second, counts, step, chunk, kept)
  local key = p .. 'pf:' .. agent .. ':' .. step .. ':' .. fmt('%d', floor(second / chunk))
  local slot = fmt('%d', floor(second % chunk / step))
  local had = call('HGET', key, slot)
  local sums = had and cmsgpack.unpack(had) or {}
  for name, n in pairs(counts) do sums[name] = (sums[name] or 0) + n end
  call('HSET', key, slot, cmsgpack.pack(sums))
  call('EXPIRE', key, chunk + kept)
end

for i = 10, #ARGV, 3 do
  local counts = cmsgpack.unpack(ARGV[i + 2])
  add(ARGV[i], tonumber(ARGV[i + 1]), counts, ARGV[4], ARGV[5], ARGV[6])
  add(ARGV[i], tonumber(ARGV[i + 1]), counts, ARGV[7], ARGV[8], ARGV[9])
end
return 1
