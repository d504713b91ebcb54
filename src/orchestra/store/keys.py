"""Every key in the store: what it is, who writes it, how it ends.

A key is `<prefix><name>`. The prefix holds the hash tag, so everything under one prefix lives in
one slot: a partition (`o:{3jb}:`, see `partitions`) or one of the named spaces below. `o` is the
setting `store.space`, so that several installations can share a server.

Permanent (no TTL, in bounded number): `conf`, `cur`, definitions, agents, API keys. Everything
else has a TTL or ends with its execution.
"""

from typing import NewType

from orchestra.store import partitions

Tenant = NewType("Tenant", str)

DEFAULT_TENANT = Tenant("default")

# --- Prefixes -------------------------------------------------------------------------------


def partition(tag_number: int, space: str = "o") -> str:
    """Executions, steps, timers, journal. Owner: workflows (and bus)."""
    return partitions.prefix(tag_number, space)


def definitions(space: str = "o") -> str:
    """Workflow definitions. Owner: workflows. Low write rate."""
    return f"{space}:{{defs}}:"


def agents(space: str = "o") -> str:
    """The registry of agents. Owner: agents. Low write rate."""
    return f"{space}:{{ag}}:"


def identities(space: str = "o") -> str:
    """Tenants and API keys. Owner: security. Low write rate."""
    return f"{space}:{{iam}}:"


def installation(space: str = "o") -> str:
    """What all replicas agree on. Owner: store."""
    return f"{space}:{{meta}}:"


def pool(tenant: Tenant, agent_type: str, space: str = "o") -> str:
    """Load and slots of the agents of one type; one slot a pool. Owner: agents."""
    return f"{space}:a:{{{tenant}/{agent_type}}}:"


def budgets(tenant: Tenant, space: str = "o") -> str:
    """`s:<scope>` counters of what is spent or held, `r:<id>` what one call holds; all with a TTL,
    in millionths of a USD. One slot a tenant. Owner: agents.
    """
    return f"{space}:b:{{{tenant}}}:"


# --- Installation ---------------------------------------------------------------------------


def configuration(prefix: str) -> str:
    """Hash {schema, min_reader, feature_level, partitions}. Permanent, written at first start."""
    return f"{prefix}conf"


# --- Definitions (prefix: definitions()) ----------------------------------------------------


def definition(prefix: str, digest: str) -> str:
    """Framed string: one immutable version, found by content. Ends with the last use of it."""
    return f"{prefix}d:{digest}"


def workflow(prefix: str, tenant: Tenant, workflow_id: str) -> str:
    """Hash: version number -> digest and facts of that version. Permanent until deleted."""
    return f"{prefix}w:{tenant}:{workflow_id}"


def workflow_names(prefix: str, tenant: Tenant) -> str:
    """Hash: workflow name -> workflow id. Permanent until deleted."""
    return f"{prefix}n:{tenant}"


def workflow_index(prefix: str, tenant: Tenant) -> str:
    """Sorted set: workflow id by creation. Permanent until deleted."""
    return f"{prefix}ix:{tenant}"


def idempotency(prefix: str, digest: str) -> str:
    """String with TTL 24 h: first id and body digest. Any space or partition."""
    return f"{prefix}i:{digest}"


# --- Agents (prefix: agents()) --------------------------------------------------------------


def agent(prefix: str, tenant: Tenant, agent_id: str) -> str:
    """Framed string: one registered agent. Permanent until it is removed."""
    return f"{prefix}g:{tenant}:{agent_id}"


def agent_index(prefix: str, tenant: Tenant) -> str:
    """Sorted set: agent id by registration. Permanent until it is removed."""
    return f"{prefix}ix:{tenant}"


def agent_names(prefix: str, tenant: Tenant) -> str:
    """Hash: agent name -> id|revision|digest|type|mode|created_ms|since_ms. Until it is removed."""
    return f"{prefix}n:{tenant}"


def agent_events(prefix: str) -> str:
    """Stream of what happened to agents: of a pool, or of the registry. About 10,000 entries."""
    return f"{prefix}ev"


def performance(prefix: str, agent_id: str, step_s: int, chunk: int) -> str:
    """Hash with TTL: number of a bucket -> counts of calls, msgpack. In the slot of the pool."""
    return f"{prefix}pf:{agent_id}:{step_s}:{chunk}"


def agent_tenants(prefix: str) -> str:
    """Set: tenants that ever had an agent. Permanent, in the number of tenants."""
    return f"{prefix}tn"


def agent_job(prefix: str, job: str) -> str:
    """String: the replica that does a job for all, such as following cards. Ends in seconds."""
    return f"{prefix}lz:{job}"


def agent_changes(prefix: str) -> str:
    """Counter bumped by every change of the registry, so that caches notice. Permanent."""
    return f"{prefix}rev"


def agent_token(prefix: str, agent_id: str) -> str:
    """String: tenant|digest of the token that workers of a pull agent show. Ends with the agent."""
    return f"{prefix}pt:{agent_id}"


def post_box(session: str, space: str = "o") -> str:
    """Sharded channel, not a key: what other replicas tell the replica of this session."""
    return f"{space}:{{{session}}}:post"


# --- Identities (prefix: identities()) ------------------------------------------------------


def api_key(prefix: str, key_id: str) -> str:
    """Framed string: one API key, its secret only as a MAC. Ends by expiry or revocation."""
    return f"{prefix}k:{key_id}"


def api_key_index(prefix: str, tenant: Tenant) -> str:
    """Sorted set: key id by creation. Permanent until revoked."""
    return f"{prefix}ix:{tenant}"


def key_pepper(prefix: str) -> str:
    """String: what secrets of API keys are mixed with when no master key file is set. Permanent."""
    return f"{prefix}pepper"


# --- Partitions (prefix: partition()); scripts build the same names from KEYS[1] -------------


def state(prefix: str, eid: str) -> str:
    """Hash: `@…` facts of the execution, one field a top-level step. Ends by archive."""
    return f"{prefix}x:{eid}"


def nested(prefix: str, eid: str) -> str:
    """Hash: nested steps, scopes, compensations, scope counters. Ends by archive."""
    return f"{prefix}c:{eid}"


def results(prefix: str, eid: str) -> str:
    """Hash: `@in`, step -> framed result, `step!` answer, `step>` child, `$name` variable, `@!name`
    signal, `@?key` name of the signal sent with that key.
    """
    return f"{prefix}r:{eid}"


def elements(prefix: str, eid: str) -> str:
    """Hash: `M[i]` -> element of a map, until that item ends."""
    return f"{prefix}m:{eid}"


def history(prefix: str, eid: str) -> str:
    """List: one line a transition, at most 20,000. Ends by archive."""
    return f"{prefix}h:{eid}"


def undo_stack(prefix: str, eid: str) -> str:
    """List: `class|queue|path`, last completed at the end. Ends by archive."""
    return f"{prefix}u:{eid}"


def children(prefix: str, eid: str) -> str:
    """Set: live child executions. Ends with their answers."""
    return f"{prefix}k:{eid}"


def parked(prefix: str, eid: str) -> str:
    """Set: items a pause keeps out of the queues. Ends by resume."""
    return f"{prefix}pk:{eid}"


def awaiting(prefix: str, eid: str) -> str:
    """Set: items that await a time or a signal; their timers go with them. Ends by the end."""
    return f"{prefix}aw:{eid}"


def blobs(prefix: str, eid: str) -> str:
    """Set: names of the blobs of an execution. Ends by archive."""
    return f"{prefix}bl:{eid}"


def blob(prefix: str, eid: str, name: str) -> str:
    """Framed string: a result over 64 KiB; `name` is what `blob_put` returned. Ends by archive."""
    return f"{prefix}b:{eid}/{name}"


def archive(prefix: str, eid: str) -> str:
    """String with TTL: everything of an ended execution, packed."""
    return f"{prefix}a:{eid}"


def queue(prefix: str, name: str) -> str:
    """Sorted set: ready items; score = class · 2⁴⁸ + fair tag. Ends by claim."""
    return f"{prefix}q:{name}"


def virtual_time(prefix: str, queue_name: str) -> str:
    """Hash: virtual time per class and per (class, tenant). Ends when the queue idles."""
    return f"{prefix}vt:{queue_name}"


def sessions(prefix: str) -> str:
    """Sorted set: session -> lease deadline. Entries end by reaping or leaving."""
    return f"{prefix}wk"


def held(prefix: str, session: str) -> str:
    """Set: items held by that session. Ends by completion or reaping."""
    return f"{prefix}wl:{session}"


def timers(prefix: str) -> str:
    """Sorted set: timers by due time. Entries end by tick."""
    return f"{prefix}t"


def journal(prefix: str) -> str:
    """Stream of transitions, which is the outbox. Trimmed behind its readers."""
    return f"{prefix}ev"


def published(prefix: str) -> str:
    """Stream of published events. Trimmed behind its readers."""
    return f"{prefix}pub"


def cursors(prefix: str) -> str:
    """Hash: partition clock `@off @last @tick @grace`, cursors of readers. Permanent."""
    return f"{prefix}cur"


def live(prefix: str) -> str:
    """Sorted set: live executions by start. Entries end with them."""
    return f"{prefix}act"


def ended(prefix: str) -> str:
    """Sorted set: ended executions by end. Entries end by archive."""
    return f"{prefix}fin"


def executions(prefix: str, tenant: Tenant) -> str:
    """Sorted set: all executions of a tenant by start. Entries end by retention."""
    return f"{prefix}ix:{tenant}"


def live_counts(prefix: str) -> str:
    """Hash: tenant -> live executions; tenant|N, |P, |B -> of them. Fields end at zero."""
    return f"{prefix}live"


def cancelled(prefix: str) -> str:
    """Sorted set: recently cancelled `eid` or `eid/scope`. Entries end after 60 s."""
    return f"{prefix}cx"


def wake_channel(prefix: str) -> str:
    """Sharded channel, not a key: names of queues that became non-empty. May lose messages."""
    return f"{prefix}wake"
