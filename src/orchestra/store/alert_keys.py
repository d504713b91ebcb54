"""Keys of alerts: rules, the states of their alerts, and what was said of them. All in one slot:
a transition and the event about it are one script.
"""

from orchestra.store.keys import Tenant


def alerts(space: str = "o") -> str:
    """The prefix of all of it. Owner: monitoring."""
    return f"{space}:{{al}}:"


def rules(prefix: str, tenant: Tenant) -> str:
    """Hash: rule id -> revision|framed record. Until it is deleted."""
    return f"{prefix}r:{tenant}"


def overrides(prefix: str, tenant: Tenant) -> str:
    """Hash: id of a built-in rule -> revision|framed record of what was changed. Permanent."""
    return f"{prefix}b:{tenant}"


def rule_changes(prefix: str) -> str:
    """Hash: tenant -> number of changes to its rules. Permanent, in the number of tenants."""
    return f"{prefix}rev"


def rule_states(prefix: str, tenant: Tenant) -> str:
    """Hash: rule id -> how its last evaluation went, JSON. Ends with the rule."""
    return f"{prefix}s:{tenant}"


def fence(prefix: str) -> str:
    """String: the highest token that has written here. Permanent."""
    return f"{prefix}fence"


def evaluated(prefix: str) -> str:
    """String with TTL 1 d: ms of the last evaluation."""
    return f"{prefix}at"


def alert(prefix: str, tenant: Tenant, alert_id: str) -> str:
    """Hash: an alert. TTL 48 h from when it is ok again, so that no episode comes twice."""
    return f"{prefix}a:{tenant}:{alert_id}"


def active(prefix: str, tenant: Tenant) -> str:
    """Sorted set: alerts that are not ok, or flap, by the ms of leaving ok. Ends with them."""
    return f"{prefix}act:{tenant}"


def active_tenants(prefix: str) -> str:
    """Set: tenants with active alerts. Ends with them."""
    return f"{prefix}tn"


def history(prefix: str, tenant: Tenant) -> str:
    """Stream with TTL 90 d: what was said of alerts of a tenant. About 2,000 entries."""
    return f"{prefix}h:{tenant}"


def outbox(prefix: str) -> str:
    """Stream: what was said of alerts, for the bus. About 100,000 entries. Permanent."""
    return f"{prefix}out"
