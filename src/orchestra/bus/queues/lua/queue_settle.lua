-- queue_settle: done with leased messages, each at most once
-- args: queue out delay_ms error
-- more: id token chance of each
-- prelude: yes
-- flags: allow-oom
--   out       D done, and gone   Y to be tried again, or buried when that was the last try   X buried
--             P postponed: again after delay_ms, and this was no try
--   delay_ms  '' the queue's wait for that try times chance, 0 to 1 (full jitter)
-- returns for each 1 settled, 2 buried, 0 not held by this receipt: settled before, or given to somebody else
-- repeats 0 for each
-- cost O(log depth) a message

local t, out, why = now(), {}, ARGV[5] ~= '' and ARGV[5] or 'handed back without a reason'
local c = call('HMGET', q .. 'c', 'tries', 'backoff')
for i = 6, #ARGV, 3 do
  local m, n = held(ARGV[i], ARGV[i + 1]), #out + 1
  out[n] = m and 1 or 0
  if m then call('ZREM', q .. 'l', m.id) end
  if m and ARGV[3] == 'D' then
    forget(m.id)
    follow(m.group, t)
  elseif m and ARGV[3] == 'P' then
    local wait = tonumber(ARGV[4])
    m.tries, m.lost, m.due = m.tries - 1, 0, wait > 0 and t + wait or 0
    line_up(m, t)
  elseif m and (ARGV[3] == 'X' or m.tries >= tonumber(c[1])) then
    out[n] = 2
    bury(m, why, t)
  elseif m then
    local wait = tonumber(ARGV[4])
    if not wait then
      local left = m.tries
      for text in string.gmatch(c[2], '%d+') do                   -- the last wait is that of all later tries
        wait, left = tonumber(text), left - 1
        if left == 0 then break end
      end
      wait = math.floor((wait or 0) * tonumber(ARGV[i + 2]))
    end
    m.lost, m.due = 0, wait > 0 and t + wait or 0
    line_up(m, t)
  end
end
return out
