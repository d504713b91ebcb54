-- log_look: what is kept of a span: the chunks by name, and the batches that are in none
-- args: since_ms
-- prelude: yes
-- returns {position up to which the tail is in chunks, {entry…}, {name, ms…} the newest first}
-- repeats changes nothing
-- cost O(open entries + chunks)

local sealed = call('HGET', p .. 'st', '@') or '0-0'
return {
  sealed,
  call('XRANGE', p .. 't', '(' .. sealed, '+'),
  call('ZREVRANGEBYSCORE', p .. 'ix', '+inf', ARGV[2], 'WITHSCORES'),
}
