-- task_begin: keep the record of a task that somebody asked for directly
-- args: task tenant session alive_ms key body lives_ms at_ms
-- prelude: yes
-- returns {'new', task} | {'same', task}: the key began that one | {'other', task}: with another body
-- repeats the same
-- cost O(1)
--
-- Record dt:<task>, a HASH: t tenant, s state (running, completed, failed, cancelled, lost), w session that runs it,
-- u alive until, at, c 1: to be cancelled, r result; ends by TTL. Key i:<key>: task|body, for 24 h; '' is no key.

local task, name, record = ARGV[2], p .. 'i:' .. ARGV[6], p .. 'dt:' .. ARGV[2]
if ARGV[6] ~= '' then
  local known, body = match(call('GET', name) or '', '^([^|]*)|(.*)$')
  if known and known ~= task then return {body == ARGV[7] and 'same' or 'other', known} end
  call('SET', name, task .. '|' .. ARGV[7], 'PX', 86400000)
end
if call('EXISTS', record) == 0 then
  call('HSET', record, 't', ARGV[3], 's', 'running', 'w', ARGV[4], 'u', now + ARGV[5], 'at', ARGV[9])
  call('PEXPIRE', record, ARGV[8])
end
return {'new', task}
