"""Keys of what a tenant may do with events, all in one slot. Owner: bus."""

from orchestra.store.keys import Tenant


def of_events(tenant: Tenant, space: str = "o") -> str:
    """The prefix of what is kept of a tenant beside its events."""
    return f"{space}:{{evt/{tenant}}}:"


def quota(prefix: str) -> str:
    """Hash with TTL: n events that may be published, t when that was so."""
    return f"{prefix}q"


def streams(prefix: str) -> str:
    """Sorted set with TTL: live stream -> until when it counts."""
    return f"{prefix}st"


def streams_of(prefix: str, actor: str) -> str:
    """Sorted set with TTL: the same of one caller."""
    return f"{prefix}st:{actor}"


def types(prefix: str) -> str:
    """Hash: type of event -> its schema, framed; `@rev` grows with each change. Permanent."""
    return f"{prefix}ty"


def types_channel(prefix: str) -> str:
    """Sharded channel, not a key: the schemas of a tenant's types have changed."""
    return f"{prefix}tyw"


def signals(subject: str, space: str = "o") -> str:
    """Sharded channel, not a key: what is told about a subject, for whoever listens now."""
    return f"{space}:{{sig/{subject}}}:s"
