"""Keys of metrics. What was measured lies in the partitions, by series; what series there are, in
one slot. `tenant` is `~` for what is the installation's.
"""

from orchestra.store.keys import Tenant


def monitoring(space: str = "o") -> str:
    """Which series there are, and who leads. Owner: monitoring."""
    return f"{space}:{{mon}}:"


def chunk(prefix: str, tenant: Tenant, kind: str, sid: str, step_s: int, number: int) -> str:
    """Hash with TTL: slot -> integer (`c`); slot:replica -> value (`g`); slot -> histogram (`h`).

    360 slots of `step_s` a chunk. What came after it was sealed is here again.
    """
    return f"{prefix}m:{tenant}:{kind}:{sid}:{step_s}:{number}"


def sealed(prefix: str, tenant: Tenant, kind: str, sid: str, step_s: int, number: int) -> str:
    """String with TTL: a chunk that is over, packed."""
    return f"{prefix}m:{tenant}:z{kind}:{sid}:{step_s}:{number}"


def counted(prefix: str) -> str:
    """Hash: stream of a partition -> its last entry that is counted in this slot. Permanent."""
    return f"{prefix}m:at"


def flushes(prefix: str, session: str) -> str:
    """String with TTL: number of the last flush of a replica that is in this slot."""
    return f"{prefix}m:n:{session}"


def series(prefix: str, tenant: Tenant) -> str:
    """Hash: series -> name, kind, unit, labels, JSON. Ends 90 days after its last value."""
    return f"{prefix}reg:{tenant}"


def series_seen(prefix: str, tenant: Tenant) -> str:
    """Sorted set: series by the second it was last written, to the minute. Ends with it."""
    return f"{prefix}seen:{tenant}"


def series_of(prefix: str, tenant: Tenant, name: str) -> str:
    """Set: the series of a metric. Ends with them."""
    return f"{prefix}idx:{tenant}:{name}"


def metrics(prefix: str, tenant: Tenant) -> str:
    """Hash: name of a metric -> kind, unit, whose; `#h`: how many series are histograms."""
    return f"{prefix}mt:{tenant}"


def metric_tenants(prefix: str) -> str:
    """Set: tenants that ever had a series. Permanent, in the number of tenants."""
    return f"{prefix}tn"


def series_count(prefix: str) -> str:
    """Counter: series of the installation. Permanent."""
    return f"{prefix}n"


def leader(prefix: str) -> str:
    """Hash with TTL: who seals and counts, and its token. Ends seconds after its last renewal."""
    return f"{prefix}lead"


def services(prefix: str) -> str:
    """Hash: replica -> how its parts are, JSON. Fields end an hour after the last word of one."""
    return f"{prefix}svc"
