"""The journal in figures: what its entries add to which series. Each entry is read once.

The names of workflows come from their definitions, so a series says what people call it; the
paths of steps go without the numbers of their items.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import msgspec
import structlog

from orchestra.errors import NotFound, OrchestraError
from orchestra.instruments import Tally
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.chronicle import Line, event_of, told

log = structlog.get_logger(__name__)

Labels: TypeAlias = tuple[tuple[str, str], ...]
Key: TypeAlias = tuple[str, str, Labels, int]
Counts: TypeAlias = dict[Key, float | Tally]
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
_UNDOING: Final = {b"C": "compensated", b"F": "undo_failed"}
_OF_EXECUTION: Final = frozenset((b"N", b"E"))
_SAYING: Final = frozenset((b"E", b"K"))
"""What the event is called depends on what these say."""
_TOLD: Final = frozenset((*_STEPS, *_OF_EXECUTION, *_SAYING))
_NOBODY: Final = ("unknown", 0)
COLUMNS: Final = 6
KEYS_MAX: Final = 10_000


class JournalFigures:
    """What the engine's journal says, as additions to series."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store, self._catalogue = store, catalogue
        self._live: OrderedDict[bytes, tuple[str, int]] = OrderedDict()
        self._names: OrderedDict[bytes, str] = OrderedDict()
        self._keys: dict[tuple[bytes, bytes, str, bytes, bytes], tuple[Key, Key | None, Key]] = {}
        self._types: dict[tuple[bytes, bool, bytes], str] = {}

    def streams(self) -> Mapping[str, tuple[str, str]]:
        """By a short name: key and prefix of each stream. Their entries are to be counted."""
        found: dict[str, tuple[str, str]] = {}
        for tag in self._store.partitions:
            prefix = self._store.prefix(tag)
            found[str(tag)] = (keys.journal(prefix), prefix)
        return found

    async def count(self, prefix: str, entries: Raw, into: Counts) -> None:
        """Add what entries of the stream under `prefix` say. Raises StoreAway, before it adds.

        An engine at full speed writes 30,000 a second: what most entries pass through is in C.
        """
        cut = entries[0][0].index(b"-") - 4  # digits of a position that count 10 s
        if entries[-1][0].index(b"-") - 4 != cut:
            for i in range(len(entries)):
                await self.count(prefix, entries[i : i + 1], into)
            return
        told = [one for one in entries if one[1][1] in _TOLD]
        await self._learn(prefix, told)
        alike = Counter([(at[:cut], one[11], one[1], one[5][:1]) for at, one in entries])
        for (slot, tenant, kind, begins), n in alike.items():
            if begins != b":" and kind not in _SAYING:  # a step of our own making
                self._event(into, (slot, tenant, kind, begins == b"~", b""), n)
        for position, (_, kind, _, execution, _, path, _, _, _, data, _, tenant) in told:
            slot = position[:cut]
            if kind in _STEPS:
                if path[:1] != b":":
                    self._step(into, (slot, kind, execution, path, data, tenant))
                continue
            if kind in _SAYING:
                said = data.partition(b"\t")[0]
                self._event(into, (slot, tenant, kind, False, said), 1)
            if kind in _OF_EXECUTION:
                self._execution(into, (position, kind, execution, data, tenant))

    def _event(self, into: Counts, event: tuple[bytes, bytes, bytes, bool, bytes], n: int) -> None:
        slot, tenant, kind, undo, said = event
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
        slot, kind, execution, path, data, tenant = line
        workflow = self._live.get(execution, _NOBODY)[0]
        known = (slot, tenant, workflow, kind, path)
        names = self._keys.get(known)
        if names is None:
            if len(self._keys) >= KEYS_MAX:
                self._keys.clear()
            names = self._keys[known] = _keys_of(known)
        total, seconds, waits = names
        into[total] = cast("float", into.get(total, 0)) + 1
        if kind == b"Y":
            self._spent(into, (total[0], workflow, total[3]), _retried(data))
        elif data[:2] == b"\t\t":  # no agent: only how long it took
            if seconds is not None:
                _observe(into, seconds, int(data[2:]) / 1_000)
        else:
            columns = data.split(b"\t")
            if len(columns) == COLUMNS:
                if seconds is not None:
                    _observe(into, seconds, int(columns[2]) / 1_000)
                    _observe(into, waits, int(columns[1] or 0) / 1_000)
                self._spent(into, (total[0], workflow, total[3]), columns)

    def _spent(self, into: Counts, of: tuple[str, str, int], columns: Sequence[bytes]) -> None:
        whose, workflow, at_s = of
        if len(columns) < COLUMNS:
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


def _keys_of(known: tuple[bytes, bytes, str, bytes, bytes]) -> tuple[Key, Key | None, Key]:
    """What a step adds to: how many, how long, waiting. No times of what undoes another one."""
    slot, tenant, workflow, kind, path = known
    whose, at_s, undo = tenant.decode(), _at(slot), path[:1] == b"~"
    outcome = (undo and _UNDOING.get(kind)) or _STEPS[kind]
    name = _ITEM.sub("[]", path.decode(errors="replace"))[:LABEL_MAX]
    of_step = (("step", name), ("workflow", workflow))
    seconds = (whose, "orchestra_step_seconds", of_step, at_s)
    return (
        (whose, "orchestra_steps_total", (("outcome", outcome), ("workflow", workflow)), at_s),
        seconds if kind in (b"C", b"F") and not undo else None,
        (whose, "orchestra_step_wait_seconds", of_step, at_s),
    )


def _at(slot: bytes) -> int:
    return int(slot) * 10 if slot else 0


def _l(**labels: str) -> Labels:
    return tuple(labels.items())


def _add(into: Counts, key: Key, n: float) -> None:
    had = into.get(key, 0)
    assert not isinstance(had, Tally)
    into[key] = had + n


def _observe(into: Counts, key: Key, value: float) -> None:
    had = into.get(key)
    if had is None:
        had = into[key] = Tally()
    assert isinstance(had, Tally)
    had.add(value)


def _retried(data: bytes) -> list[bytes]:
    """The columns of an attempt that failed, from its record."""
    try:
        record: dict[str, Any] = told(Line(0, "0-0", "Y", "", "0", data.decode(errors="replace")))
    except msgspec.DecodeError:  # a record that lies elsewhere
        return []
    usage = cast("dict[str, Any]", record.get("usage") or {})
    numbers = (
        record.get("queued_ms", 0),
        0,
        usage.get("input_tokens", 0),
        usage.get("output_tokens", 0),
        round((usage.get("cost_usd") or 0) * 1_000_000),
    )
    return [str(record.get("agent") or "").encode(), *(str(int(n)).encode() for n in numbers)]
