-- queue_redrive: put these dead letters back in line, each once, its tries at zero
-- args: queue
-- more: ids
-- prelude: yes
-- returns for each 1 put back, 0 no such dead letter; {-1} there is no such queue
-- repeats 0 for each: it can come back only once
-- cost O(log depth) each

if not exists() then return {-1} end
local t, out, n = now(), {}, 0
for i = 3, #ARGV do
  out[#out + 1] = put_back(ARGV[i], t)
  n = n + out[#out]
end
tally('redriven', n)
return out
