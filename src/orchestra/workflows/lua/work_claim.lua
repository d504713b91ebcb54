-- work_claim: take up to max items from these queues
-- args: session max lease_ms queues
-- prelude: yes
-- flags: allow-oom
--   lease_ms 0: held by the session until it dies; >0: held by an outside worker until then (session is its name)
-- returns {1, item, token, def, tenant, body, …}; {0} when the session is unknown
-- repeats takes more: what a lost reply took is found by session_held
-- cost O(max + stale entries, at most max + 256)

local session, lease_ms = ARGV[2], tonumber(ARGV[4])
if lease_ms == 0 and not call('ZSCORE', p .. 'wk', session) then return {0} end
return claim_from(session, tonumber(ARGV[3]), serving(ARGV[5]), lease_ms, {1})
