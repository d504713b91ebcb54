-- agent_register: create or change an agent by its name
-- args: tenant name id type digest record if_new agents_max at_ms
-- returns {'new'|'same'|'changed', facts} | {'exists', facts} | {'type', facts} | {'exhausted', n}
-- repeats 'same': identity is (tenant, name), and a body that changes nothing is no revision
-- cost O(log agents)
--
-- KEYS[1] is "o:{ag}:". Facts of an agent, in n:<tenant> under its name: id|revision|digest|type|draining|created_ms.

local p, call = KEYS[1], redis.call
local tenant, name, id, kind, digest, record = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local names, index, at_ms = p .. 'n:' .. tenant, p .. 'ix:' .. tenant, ARGV[10]

local known = call('HGET', names, name)
if not known then
  local n = call('ZCARD', index)
  if n >= tonumber(ARGV[9]) then return {'exhausted', n} end
  local facts = table.concat({id, '1', digest, kind, '0', at_ms}, '|')
  call('SET', p .. 'g:' .. tenant .. ':' .. id, record)
  call('HSET', names, name, facts)
  call('ZADD', index, at_ms, id)
  call('HINCRBY', p .. 'ty:' .. tenant, kind, 1)
  call('SADD', p .. 'tn', tenant)
  call('INCR', p .. 'rev')
  return {'new', facts}
end

local old, rev, had, was, draining, born = string.match(known, '^([^|]*)|(%d+)|([^|]*)|([^|]*)|(%d)|(%d+)$')
if ARGV[8] == '1' then return {'exists', known} end
if was ~= kind then return {'type', known} end
if had == digest then return {'same', known} end
local facts = table.concat({old, string.format('%d', rev + 1), digest, kind, draining, born}, '|')
call('SET', p .. 'g:' .. tenant .. ':' .. old, record)
call('HSET', names, name, facts)
call('INCR', p .. 'rev')
return {'changed', facts}
