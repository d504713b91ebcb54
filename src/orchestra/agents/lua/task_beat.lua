-- task_beat: whoever does a task lives, and may have something to show
-- args: task lease fence seq lease_ms keep_ms frame lives
-- prelude: yes
-- flags: allow-oom
-- returns {'ok', session that waits} | {'repeat'} | {'done'} | {'cancel'} | {'lost'} | {'superseded'} | {'refused'} | {'gone'}
-- repeats the same `seq` says nothing twice; '' is no number: each counts
-- cost O(log attempts)
--
-- lease_ms 0: only the replica that waits decides when it was silent for too long. Else the agent lives, too, with lives 1: a
-- worker with all hands full does not poll. One that finishes its last tasks says 0.

local task, lease, seq, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6])
local a, why = attempt(task, lease, ARGV[4])
if not a then return {why} end
if seq and seq <= a.n then return {'repeat'} end
if a.s ~= 'r' then return {({d = 'done', x = 'cancel', l = 'lost', q = 'refused'})[a.s]} end
local key = p .. 'tk:' .. task
if seq then call('HSET', key, 'n', seq) end
if lease_ms > 0 then
  call('ZADD', p .. 'tl', now + lease_ms, task)
  if a.g and ARGV[9] == '1' and call('HEXISTS', p .. 'conf', a.g) == 1 then
    call('ZADD', p .. 'hb', 'GT', now + lease_ms, a.g)
    back(a.g)
  end
end
call('PEXPIRE', key, math.max(tonumber(ARGV[7]), call('PTTL', key)))
if ARGV[8] ~= '' then
  mail(a.w, 'f', lease, ARGV[8])
elseif lease_ms == 0 then
  mail(a.w, 'h', lease, '')
end
return {'ok', a.w}
