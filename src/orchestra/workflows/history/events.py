"""The journal as events: what the transitions of executions tell the world (R43)."""

from collections.abc import Mapping

import msgspec

from orchestra.bus import Event
from orchestra.store import keys, partitions
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.workflows.history.chronicle import TYPES, Line, event_of, told

SOURCE = "/orchestra/workflows"
STREAM = 0


class JournalSource:
    """The `Source` of the engine: one stream a partition."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tags = {keys.journal(store.prefix(tag)): tag for tag in store.partitions}

    def streams(self) -> Mapping[str, str]:
        """Key and prefix of each."""
        return {key: self._store.prefix(tag) for key, tag in self._tags.items()}

    def types(self) -> frozenset[str]:
        """Of the engine's own."""
        return TYPES

    def event(self, key: str, position: str, fields: Mapping[str, bytes]) -> Event | None:
        """What a transition tells."""
        kind, path, token, data, execution, tenant = (
            fields.get(name, b"").decode(errors="replace")
            for name in ("k", "s", "a", "d", "x", "t")
        )
        if not execution.startswith("exe_") or path[:1] == ":":  # a step of our own making
            return None
        line = Line(0, position, kind, path, token, data)
        name, level = event_of(line)
        if level == "debug":
            return None
        shown: dict[str, object] = {"execution_id": execution}
        if path:
            shown |= {"step": path, "attempt": line.attempt}
        return Event(
            id=partitions.event_id(STREAM, self._tags[key], position),
            type=name,
            source=SOURCE,
            key=execution,
            tenant=Tenant(tenant),
            origin="engine",
            at_ms=line.at_ms,
            data=msgspec.Raw(msgspec.json.encode(shown | told(line))),
        )
