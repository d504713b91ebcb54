"""The journal in figures: what its entries add to which series. Each entry is read once.

The names of workflows come from their definitions, so a series says what people call it; the
paths of steps go without the numbers of their items.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import structlog

from orchestra.errors import NotFound, OrchestraError
from orchestra.instruments import Tally
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.chronicle import Line, event_of, told

log = structlog.get_logger(__name__)

Labels: TypeAlias = tuple[tuple[str, str], ...]
Counts: TypeAlias = dict[tuple[str, str, Labels, int], float | Tally]
"""Tenant, metric, labels by name, second of a slot of 10 s -> what is added."""
Raw: TypeAlias = Sequence[tuple[bytes, list[bytes]]]
"""Entries as XRANGE gives them."""

LIVE_MAX: Final = 50_000
NAMES_MAX: Final = 1_000
UNKNOWN: Final = "unknown"
LABEL_MAX: Final = 128
_ITEM = re.compile(r"\[\d+\]")
_ENDS: Final = {"D": "completed", "F": "failed", "C": "cancelled", "L": "rolled_back"}
_STEPS: Final = {b"C": "completed", b"F": "failed", b"S": "skipped", b"Y": "retried"}
_OF_EXECUTION: Final = frozenset((b"N", b"E"))


class JournalFigures:
    """What the engine's journal says, as additions to series."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store, self._catalogue = store, catalogue
        self._live: OrderedDict[bytes, tuple[str, int]] = OrderedDict()
        self._names: OrderedDict[bytes, str] = OrderedDict()
        self._types: dict[tuple[bytes, bool, bytes], str] = {}

    def streams(self) -> Mapping[str, tuple[str, str]]:
        """By a short name: key and prefix of each stream. Their entries are to be counted."""
        found: dict[str, tuple[str, str]] = {}
        for tag in self._store.partitions:
            prefix = self._store.prefix(tag)
            found[str(tag)] = (keys.journal(prefix), prefix)
        return found

    async def count(self, prefix: str, entries: Raw, into: Counts) -> None:
        """Add what entries of the stream under `prefix` say. Raises StoreAway, before it adds."""
        await self._learn(prefix, entries)
        events: dict[tuple[bytes, bytes, bytes, bool, bytes], int] = {}
        for position, (_, kind, _, execution, _, path, _, _, _, data, _, tenant) in entries:
            if path[:1] == b":" or execution[:4] != b"exe_":  # steps of our own making
                continue
            said = data.partition(b"\t")[0] if kind in (b"E", b"K") else b""
            event = (_slot(position), tenant, kind, path[:1] == b"~", said)
            events[event] = events.get(event, 0) + 1
            if kind in _STEPS:
                self._step(into, (position, kind, execution, path, data, tenant))
            elif kind in _OF_EXECUTION:
                self._execution(into, (position, kind, execution, data, tenant))
        for (slot, tenant, kind, undo, said), n in events.items():
            name = self._type(kind, undo, said)
            if name:
                _add(into, (tenant.decode(), "orchestra_events_total", _l(type=name), _at(slot)), n)

    async def _learn(self, prefix: str, entries: Raw) -> None:
        """Which workflow each execution is of, and when it began."""
        live, missing = self._live, dict[bytes, None]()
        for position, fields in entries:
            kind, execution = fields[1], fields[3]
            if kind == b"N":
                workflow = await self._name(fields[9])
                live[execution] = (workflow, int(position.partition(b"-")[0]))
                if len(live) > LIVE_MAX:
                    live.popitem(last=False)
            elif (kind == b"E" or kind in _STEPS) and execution not in live:
                missing[execution] = None
        if not missing:
            return
        wanted = list(missing)
        sent = [
            self._store.read(prefix, "HMGET", keys.state(prefix, eid.decode()), "@d", "@c")
            for eid in wanted
        ]
        for execution, reply in zip(wanted, sent, strict=True):
            digest, began = cast("list[bytes | None]", await reply)
            name = await self._name(digest) if digest else UNKNOWN
            live[execution] = (name, int(float(began)) if began else 0)

    async def _name(self, digest: bytes) -> str:
        found = self._names.get(digest)
        if found is not None:
            return found
        plan = self._catalogue.cached(digest.decode())
        try:
            document = None if plan else await self._catalogue.document(digest.decode())
            name = plan.definition.name if plan else str((document or {}).get("name", UNKNOWN))
        except NotFound:
            name = UNKNOWN
        except OrchestraError as error:
            if error.retryable:
                raise
            name = UNKNOWN
        self._names[digest] = name[:LABEL_MAX]
        if len(self._names) > NAMES_MAX:
            self._names.popitem(last=False)
        return name[:LABEL_MAX]

    def _execution(self, into: Counts, line: tuple[bytes, bytes, bytes, bytes, bytes]) -> None:
        position, kind, execution, data, tenant = line
        workflow, began_ms = self._live.get(execution, (UNKNOWN, 0))
        whose, at_ms = tenant.decode(), int(position.partition(b"-")[0])
        at_s = at_ms // 10_000 * 10
        if kind == b"N":
            labels = _l(workflow=workflow)
            _add(into, (whose, "orchestra_executions_started_total", labels, at_s), 1)
            return
        outcome = _ENDS.get(data.decode(), "ended")
        labels = (("outcome", outcome), ("workflow", workflow))
        _add(into, (whose, "orchestra_executions_total", labels, at_s), 1)
        if began_ms:
            key = (whose, "orchestra_execution_seconds", _l(workflow=workflow), at_s)
            _observe(into, key, (at_ms - began_ms) / 1_000)

    def _step(self, into: Counts, line: tuple[bytes, bytes, bytes, bytes, bytes, bytes]) -> None:
        position, kind, execution, path, data, tenant = line
        workflow, _ = self._live.get(execution, (UNKNOWN, 0))
        whose, at_s = tenant.decode(), _at(_slot(position))
        undo = path[:1] == b"~"
        outcome = "compensated" if undo and kind == b"C" else _STEPS[kind]
        labels: Labels = (("outcome", outcome), ("workflow", workflow))
        _add(into, (whose, "orchestra_steps_total", labels, at_s), 1)
        if kind == b"Y":
            self._spent(into, (whose, workflow, at_s), _retried(data))
            return
        columns = data.split(b"\t")
        if len(columns) < 3 or undo:
            return
        name = _ITEM.sub("[]", path.decode(errors="replace"))[:LABEL_MAX]
        of_step = (("step", name), ("workflow", workflow))
        _observe(into, (whose, "orchestra_step_seconds", of_step, at_s), int(columns[2]) / 1_000)
        if len(columns) == 6:
            key = (whose, "orchestra_step_wait_seconds", of_step, at_s)
            _observe(into, key, int(columns[1] or 0) / 1_000)
            self._spent(into, (whose, workflow, at_s), columns)

    def _spent(self, into: Counts, of: tuple[str, str, int], columns: Sequence[bytes]) -> None:
        whose, workflow, at_s = of
        if len(columns) < 6:
            return
        agent = columns[0].decode(errors="replace")[:LABEL_MAX] or UNKNOWN
        for kind, text in (("input", columns[3]), ("output", columns[4])):
            if n := int(text):
                labels: Labels = (("agent", agent), ("kind", kind), ("workflow", workflow))
                _add(into, (whose, "orchestra_workflow_tokens_total", labels, at_s), n)
        if micro := int(columns[5]):
            labels = (("agent", agent), ("workflow", workflow))
            key = (whose, "orchestra_workflow_cost_usd_total", labels, at_s)
            _add(into, key, micro / 1_000_000)

    def _type(self, kind: bytes, undo: bool, said: bytes) -> str:
        """The type of the event that a transition is; empty for what is nobody's business."""
        key = (kind, undo, said)
        found = self._types.get(key)
        if found is None:
            line = Line(0, "0-0", kind.decode(), "~" if undo else "", "0", said.decode())
            name, level = event_of(line)
            found = "" if level == "debug" else name
            if len(self._types) < NAMES_MAX:
                self._types[key] = found
        return found


def _slot(position: bytes) -> bytes:
    """A position as a number of 10 s, in digits."""
    return position[: position.index(b"-") - 4]


def _at(slot: bytes) -> int:
    return int(slot) * 10 if slot else 0


def _l(**labels: str) -> Labels:
    return tuple(labels.items())


def _add(into: Counts, key: tuple[str, str, Labels, int], n: float) -> None:
    had = into.get(key, 0)
    assert not isinstance(had, Tally)
    into[key] = had + n


def _observe(into: Counts, key: tuple[str, str, Labels, int], value: float) -> None:
    had = into.get(key)
    if had is None:
        had = into[key] = Tally()
    assert isinstance(had, Tally)
    had.add(value)


def _retried(data: bytes) -> list[bytes]:
    """The columns of an attempt that failed, from its record."""
    record: dict[str, Any] = told(Line(0, "0-0", "Y", "", "0", data.decode(errors="replace")))
    usage = cast("dict[str, Any]", record.get("usage") or {})
    numbers = (
        record.get("queued_ms", 0),
        0,
        usage.get("input_tokens", 0),
        usage.get("output_tokens", 0),
        round((usage.get("cost_usd") or 0) * 1_000_000),
    )
    return [str(record.get("agent") or "").encode(), *(str(int(n)).encode() for n in numbers)]
