"""The journal as events: what the transitions of executions tell the world (R43)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from orchestra.bus import Event, Glances
from orchestra.store import keys, partitions
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.workflows.history.chronicle import TYPES, Line, event_of, told

SOURCE = "/orchestra/workflows"
STREAM = 0
_SAYING = frozenset((b"E", b"K"))
"""What the event is called depends on what these say."""
_NAMES_MAX = 1_000


class JournalSource:
    """The `Source` of the engine: one stream a partition."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tags = {keys.journal(store.prefix(tag)): tag for tag in store.partitions}
        self._names: dict[tuple[bytes, bytes, bytes], str] = {}

    def streams(self) -> Mapping[str, str]:
        """Key and prefix of each."""
        return {key: self._store.prefix(tag) for key, tag in self._tags.items()}

    def types(self) -> frozenset[str]:
        """Of the engine's own."""
        return TYPES

    def glance(self, found: Sequence[tuple[bytes, list[bytes]]]) -> Glances:
        """What happened to which executions: see `Glancing` of the bus. A few µs an execution."""
        alike: dict[tuple[bytes, bytes, bytes, bytes], set[bytes]] = defaultdict(set)
        for _, fields in found:
            kind, said = fields[1], fields[9].partition(b"\t")[0] if fields[1] in _SAYING else b""
            alike[fields[11], kind, fields[5][:1], said].add(fields[3])
        told: dict[tuple[Tenant, str], set[str]] = defaultdict(set)
        for (tenant, kind, begins, said), executions in alike.items():
            name = "" if begins == b":" else self._name(kind, begins, said)
            ids = [one.decode() for one in executions if one[:4] == b"exe_"]
            if name and ids:
                told[Tenant(tenant.decode()), name].update(ids)
        return told

    def _name(self, kind: bytes, begins: bytes, said: bytes) -> str:
        """The type of the event that a transition is; empty for what is nobody's business."""
        name = self._names.get((kind, begins, said))
        if name is None:
            texts = (kind.decode(), begins.decode(errors="replace"), "0", said.decode())
            found, level = event_of(Line(0, "0-0", *texts))
            name = "" if level == "debug" else found
            if len(self._names) < _NAMES_MAX:
                self._names[(kind, begins, said)] = name
        return name

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
