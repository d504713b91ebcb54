-- session_held: what this session holds here, by the store's account
-- args: session
-- prelude: yes
-- flags: allow-oom
-- returns {item, state, def, tenant, body, …}. Asked after a reconnect, and when counts differ. Of what you do not
--   know: state r, step_release it; state b was begun by a call that is gone, complete it with H
-- repeats reads only
-- cost O(items held)

local out = {}
for _, item in ipairs(call('SMEMBERS', p .. 'wl:' .. ARGV[2])) do
  local _, _, owner, path = parse(item)
  local x, state = load(owner), call('HGET', home(owner, path), path)
  if x and state and match(state, '%.([^.]+)$') == ARGV[2] then
    local i = #out
    out[i + 1], out[i + 2], out[i + 3], out[i + 4], out[i + 5] = item, state, x.d, x.t, x.b
  end
end
return out
