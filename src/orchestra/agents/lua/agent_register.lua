-- agent_register: create or change an agent by its name
-- args: tenant name id type digest record if_new if_revision agents_max at_ms
-- prelude: yes
-- returns {'new'|'same'|'changed', facts} | {'exists', facts} | {'type', facts} | {'moved', facts or ''} | {'exhausted', n}
-- repeats 'same': identity is (tenant, name), and a body that changes nothing is no revision
-- cost O(log agents)
--
-- KEYS[1] is "o:{ag}:". Facts of an agent, in n:<tenant> under its name: id|revision|digest|type|mode|created_ms|since_ms; mode 0 is at
-- work, 1 draining, 2 disabled. if_revision '' is any; else 'moved' says that the agent of this id has another one, or is gone.

local tenant, name, id, kind, digest, record = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local names, index, at_ms = p .. 'n:' .. tenant, p .. 'ix:' .. tenant, ARGV[11]

local known = call('HGET', names, name)
if not known then
  if ARGV[9] ~= '' then return {'moved', ''} end
  local n = call('ZCARD', index)
  if n >= tonumber(ARGV[10]) then return {'exhausted', n} end
  local facts = table.concat({id, '1', digest, kind, '0', at_ms, at_ms}, '|')
  call('SET', p .. 'g:' .. tenant .. ':' .. id, record)
  call('HSET', names, name, facts)
  call('ZADD', index, at_ms, id)
  call('HINCRBY', p .. 'ty:' .. tenant, kind, 1)
  call('SADD', p .. 'tn', tenant)
  call('INCR', p .. 'rev')
  tell_of(tenant, 'agent.registered', id, {name = name, agent_type = kind, revision = 1})
  return {'new', facts}
end

local old, rev, had, was, rest = match(known, '^([^|]*)|(%d+)|([^|]*)|([^|]*)|(.*)$')
if ARGV[8] == '1' then return {'exists', known} end
if ARGV[9] ~= '' and (ARGV[9] ~= rev or old ~= id) then return {'moved', known} end
if was ~= kind then return {'type', known} end
if had == digest then return {'same', known} end
local facts = table.concat({old, fmt('%d', rev + 1), digest, kind, rest}, '|')
call('SET', p .. 'g:' .. tenant .. ':' .. old, record)
call('HSET', names, name, facts)
call('INCR', p .. 'rev')
tell_of(tenant, 'agent.updated', old, {name = name, agent_type = kind, revision = rev + 1})
return {'changed', facts}
