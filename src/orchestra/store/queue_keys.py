"""Keys of queues. Owner: bus. In the partition of the queue; permanent until it is deleted.

What is in a queue is under `<prefix>mq:<tenant>:<name>:`, see bus/queues/lua/prelude.lua.
"""

from orchestra.store.keys import Tenant


def queue_names(prefix: str, tenant: Tenant) -> str:
    """Set: names of the tenant's queues here."""
    return f"{prefix}mqs:{tenant}"


def own_queue_names(prefix: str, tenant: Tenant) -> str:
    """Set: names of the modules' own queues of the tenant here."""
    return f"{prefix}mqi:{tenant}"


def told_queues(prefix: str) -> str:
    """Set: `tenant:name` of the queues, or parts of one, here that instruments tell of."""
    return f"{prefix}mqa"


def queue_teller(prefix: str) -> str:
    """String with a TTL: the replica that tells of all queues."""
    return f"{prefix}mqg"


def queue_redrives(prefix: str) -> str:
    """Set: `tenant:name` of queues whose dead letters are going back. Ends with the redrive."""
    return f"{prefix}mqj"


def queue_wakes(prefix: str) -> str:
    """Sharded channel, not a key: `tenant:name` of queues that may have something to receive."""
    return f"{prefix}mqw"
