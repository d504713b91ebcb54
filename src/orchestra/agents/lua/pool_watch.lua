-- pool_watch: one replica looks after a pool: late agents are told of, and slots of the dead return
-- args: session lease_ms offline_ms window_ms
-- prelude: yes
-- flags: allow-oom
-- returns {0, ms until it may be somebody else's} | {1, now, pushing, lapsed, {agent, silent_ms, …}, slots reaped}
-- repeats renews again
-- cost O(late agents), and the work of reaping, which is bounded
--
-- pushing: agents with heartbeats that were not late before the window; lapsed: those of them that are late now. The list has everybody
-- that is offline, and how long nothing was heard. When nobody looked for 3 s, nobody could be heard: who got late meanwhile has one more ttl.

local session, lease_ms, offline_ms, window_ms = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local w = call('HMGET', p .. 'watch', 'session', 'until', 'at')
if w[1] and w[1] ~= session and tonumber(w[2]) > now then return {0, math.ceil(tonumber(w[2]) - now)} end
local seen = tonumber(w[3] or now)
call('HSET', p .. 'watch', 'session', session, 'until', fmt('%d', now + lease_ms), 'at', fmt('%d', now))
local reaped = reap()

local ttls = {}
local function ttl(agent)
  if ttls[agent] == nil then ttls[agent] = tonumber(call('HGET', p .. 'ttl', agent) or 'nil') or false end
  return ttls[agent]
end
if now - seen > 3000 then
  for _, agent in ipairs(call('ZRANGEBYSCORE', p .. 'hb', '(' .. seen, now)) do
    if ttl(agent) then call('ZADD', p .. 'hb', now + ttl(agent), agent) end
  end
end

local late = call('ZRANGEBYSCORE', p .. 'hb', '-inf', now, 'WITHSCORES')
local lapsed, before, offline = 0, 0, {}
for i = 1, #late, 2 do
  local agent, silent = late[i], now - late[i + 1] + (ttl(late[i]) or 0)
  if now - late[i + 1] < window_ms then lapsed = lapsed + 1 else before = before + 1 end
  if silent >= offline_ms then
    tell('agent.offline', agent, {reason = 'nothing was heard of it', silent_ms = silent})
    offline[#offline + 1] = agent
    offline[#offline + 1] = fmt('%d', silent)
  else
    tell('agent.stale', agent, {reason = 'its heartbeat is late', silent_ms = silent})
  end
end
return {1, now, call('HLEN', p .. 'ttl') - before, lapsed, offline, reaped}
