-- prelude: what the scripts of logs share
-- returns nothing: the loader puts those of these functions in front of a script that it uses
-- cost none by itself

local p, at = KEYS[1], ARGV[1]
local call = redis.call
local function now()
  if at ~= '' then return tonumber(at) end
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function after(a, b)                                -- whether position a is behind position b
  local am, as = string.match(a, '^(%d+)-(%d+)$')
  local bm, bs = string.match(b, '^(%d+)-(%d+)$')
  am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs)
  return am > bm or (am == bm and as > bs)
end
local function number(name) return tonumber(call('HGET', p .. 'st', name) or '0') end
