"""Keys of durable readers of events: those of a tenant are in one slot (decision 0016)."""

from orchestra.store.keys import Tenant


def readers(tenant: Tenant | None, space: str = "o") -> str:
    """The prefix of the readers of a tenant; None: the product's own. Owner: bus."""
    return f"{space}:{{sub}}:" if tenant is None else f"{space}:{{sub/{tenant}}}:"


def reader_definitions(prefix: str) -> str:
    """Hash: name of a reader -> what it reads, JSON. Permanent until removed."""
    return f"{prefix}def"


def reader_cursor(prefix: str, name: str) -> str:
    """Hash: key of a stream -> position up to which everything is handled. Ends with the reader."""
    return f"{prefix}cur:{name}"


def reader_owner(prefix: str, name: str) -> str:
    """Hash: n fence, s who reads, u until when, c crashes at this cursor, t event that is tried
    alone, a window acknowledged last. Ends with the reader.
    """
    return f"{prefix}own:{name}"


def reader_window(prefix: str, name: str) -> str:
    """Hash: `@` token, key of a stream -> end of what a client was given. Ends by ack."""
    return f"{prefix}win:{name}"


def reader_dead_letters(prefix: str, name: str) -> str:
    """Stream of events it could not handle: id, e event, err, tries. About 10,000 entries."""
    return f"{prefix}dl:c:{name}"


def reader_redriven(prefix: str, name: str) -> str:
    """List of dead letters that are handed to the reader again. Ends when they are handled."""
    return f"{prefix}rd:{name}"


def reader_buried(prefix: str, name: str, event_id: str) -> str:
    """String with TTL 10 min: this event is among the dead letters."""
    return f"{prefix}bd:{name}:{event_id}"
