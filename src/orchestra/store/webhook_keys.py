"""Keys of webhooks: who is told of events, and who may tell us. All in one slot, low write rate."""

from orchestra.store.keys import Tenant


def webhooks(space: str = "o") -> str:
    """The prefix of endpoints and inbound hooks. Owner: bus."""
    return f"{space}:{{wh}}:"


def endpoints(prefix: str, tenant: Tenant) -> str:
    """Hash: endpoint id -> revision|framed record, secrets in it sealed. Until it is deleted."""
    return f"{prefix}e:{tenant}"


def revisions(prefix: str) -> str:
    """Hash: tenant -> number of changes to its endpoints. Permanent, in the number of tenants."""
    return f"{prefix}rev"


def changes(prefix: str) -> str:
    """Sharded channel, not a key: tenants whose endpoints changed."""
    return f"{prefix}wake"


def inbound(prefix: str, tenant: Tenant) -> str:
    """Hash: inbound hook id -> revision|framed record, secrets in it sealed. Until deleted."""
    return f"{prefix}h:{tenant}"


def inbound_tenants(prefix: str) -> str:
    """Hash: inbound hook id -> tenant. Until it is deleted."""
    return f"{prefix}ht"


def inbound_rate(prefix: str, hook_id: str) -> str:
    """String with a TTL of seconds: the theoretical arrival time of its next request, in µs."""
    return f"{prefix}hr:{hook_id}"
