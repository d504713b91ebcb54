-- queue_settle: done with leased messages, each at most once
-- args: queue out delay_ms error
-- more: id token chance of each
-- prelude: yes
-- flags: allow-oom
--   out       D done, and gone   Y to be tried again, or buried when that was the last try   X buried
--             B buried, because its worker says that it was the last try
--             P postponed: again after delay_ms, and this was no try
--   delay_ms  '' the queue's wait for that try times chance, 0 to 1 (full jitter)
-- returns for each 1 settled, 2 buried, 0 not held by this receipt: settled before, or given to somebody else
-- repeats 0 for each
-- cost O(log depth) a message

local t, out, outcome, why = now(), {}, ARGV[3], ARGV[5] ~= '' and ARGV[5] or 'handed back without a reason'
local done, back, dead, c = 0, 0, 0, outcome == 'Y' and call('HMGET', q .. 'c', 'tries', 'backoff')

local function wait(tries, chance)
  if ARGV[4] ~= '' then return tonumber(ARGV[4]) end
  local ms, left = 0, tries
  for text in string.gmatch(c[2], '%d+') do                   -- the last wait is that of all later tries
    ms, left = tonumber(text), left - 1
    if left == 0 then break end
  end
  return math.floor(ms * tonumber(chance))
end

local function again(m, ms)
  m.lost, m.due = 0, ms > 0 and t + ms or 0
  line_up(m, t)
end

for i = 6, #ARGV, 3 do
  local m, n = held(ARGV[i], ARGV[i + 1]), #out + 1
  out[n] = m and 1 or 0
  if m then
    call('ZREM', q .. 'l', m.id)
    release(m, t)
  end
  if m and outcome == 'D' then
    done = done + 1
    forget(m.id)
    follow(m.group, t)
  elseif m and outcome == 'P' then
    back, m.tries = back + 1, m.tries - 1
    again(m, wait())
  elseif m and (outcome ~= 'Y' or m.tries >= tonumber(c[1])) then
    out[n], dead = 2, dead + 1
    bury(m, outcome == 'X' and 'buried' or 'failed', why, t)
  elseif m then
    back = back + 1
    again(m, wait(m.tries, ARGV[i + 2]))
  end
end
tally('acked', done)
tally('dead', dead)
tally(outcome == 'P' and 'postponed' or 'retried', back)
if outcome ~= 'P' then tally('nacked', back + dead) end
return out
