"""Keys of deliveries to the endpoints of webhooks. Owner: bus. In the partition of their queue.

Each ends by itself a month after its last use; all do when the endpoint is deleted.
"""

from orchestra.store.keys import Tenant


def endpoint(prefix: str, tenant: Tenant, endpoint_id: str) -> str:
    """The prefix of one endpoint's: `c` hash of its circuit, `f` sorted set of slots in flight,
    `d` hash: delivery -> since when it blocks its group, `a` stream of attempts, `r` hash of its
    last replay.
    """
    return f"{prefix}wd:{tenant}:{endpoint_id}:"


def attempts(prefix: str, tenant: Tenant, endpoint_id: str) -> str:
    """Stream of attempts: at most 1,000, of 30 days."""
    return f"{endpoint(prefix, tenant, endpoint_id)}a"


def replays(prefix: str) -> str:
    """Set: `tenant:endpoint` of replays that run. Ends with the replay."""
    return f"{prefix}wdj"
