"""Serves profiles: which executions ended, and what each of their steps took, read in bulk."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from orchestra.store import frames, keys
from orchestra.store.frames import CorruptRecord
from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history import chronicle, profiling
from orchestra.workflows.history.profiling import NOTHING, Told, Track
from orchestra.workflows.history.reader import Archive, NoSuchExecution, Reader, every, unpacked
from orchestra.workflows.history.stored import OVER, STATES
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Envelope
from orchestra.workflows.planning.framing import unpack_envelope
from orchestra.workflows.ports import SCRIPTS, Partitions

LINES_MAX: Final = 4_000
LAST: Final = 20
RECORDS_MAX: Final = 50
_FROM = re.compile(r"steps\.(.+?)\.(?:output|input)\.")
_FACTS: Final = ("@t", "@d", "@s", "@z")


class _Usage(msgspec.Struct, frozen=True):
    cost_usd: float | None = None


class _Failure(msgspec.Struct, frozen=True):
    code: str = ""


class _Tells(msgspec.Struct, frozen=True):
    """What a profile wants of a record. What else is in it is passed over, however large."""

    usage: _Usage | None = None
    error: _Failure | None = None
    cause: str | None = None


_tells = msgspec.json.Decoder(_Tells)


class Raw(NamedTuple):
    """An execution as it was read."""

    facts: Sequence[bytes | None]
    envelope: bytes | None
    lines: list[bytes]
    cut: bool
    archive: Archive | None


class Profiles:
    """What monitoring asks about executions that ended."""

    def __init__(self, store: Partitions, reader: Reader, catalogue: Catalogue) -> None:
        self._store, self._reader, self._catalogue = store, reader, catalogue

    def tags(self) -> Sequence[int]:
        """Where executions live."""
        return self._store.partitions

    async def ended(self, tag: int, after_ms: int, limit: int) -> Mapping[str, Any]:
        """Executions of a partition that ended behind `after_ms`, whole milliseconds of them.

        `until_ms`: up to where nothing is missing; `more`: behind that. Raises StoreAway.
        """
        reply = await self._store.run(
            SCRIPTS["executions_ended"], self._store.prefix(tag), after=after_ms, max=limit
        )
        flat = cast("list[bytes]", reply[2:])
        ids, tenants = map(bytes.decode, flat[::3]), map(bytes.decode, flat[1::3])
        return {
            "until_ms": int(reply[0]),
            "more": bool(reply[1]),
            "executions": [*zip(ids, tenants, map(int, flat[2::3]), strict=True)],
        }

    async def profile(self, tenant: Tenant, execution: str) -> Mapping[str, Any]:
        """Of one that ended. Raises NoSuchExecution, CorruptRecord, StoreAway."""
        raw = await self._raw(execution)
        if (raw.facts[0] or b"").decode() != tenant:
            raise NoSuchExecution("no execution of this id")
        lines = chronicle.read(raw.lines)
        when = profiling.times(lines)
        letter = (raw.facts[2] or b"").decode()
        if when is None or letter not in OVER or raw.envelope is None:
            raise NoSuchExecution("it has not ended")
        plan = await self._catalogue.plan((raw.facts[1] or b"").decode())
        found = profiling.tracks(lines)
        envelope = unpack_envelope(raw.envelope)
        cause = (raw.facts[3] or b"").decode() if letter in "FL" else ""
        records = await self._records(execution, _wanted(found, cause), raw.archive)
        begin = min(when.created_ms + envelope.delay_ms, when.started_ms)
        steps, cut = profiling.rows(plan, found, max(begin, when.created_ms), records)
        return {
            "execution": execution,
            "workflow": envelope.workflow_id,
            "name": envelope.workflow_name,
            "version": envelope.workflow_version,
            "digest": plan.digest,
            "status": STATES[letter],
            "created_ms": when.created_ms,
            "started_ms": when.started_ms,
            "ended_ms": when.ended_ms,
            "pauses": when.pauses,
            "error": _error(cause, records),
            "input_hash": _hash(tenant, envelope),
            "cut": cut or raw.cut,
            "steps": steps,
        }

    async def shape(self, digest: str) -> Mapping[str, Any]:
        """What a version says of its steps. Raises NotFound, StoreAway."""
        return profiling.shape(await self._catalogue.plan(digest))

    async def filled(self, tenant: Tenant, execution: str) -> Mapping[str, Sequence[str]]:
        """By step: steps whose output or input filled its inputs by name.

        Raises NoSuchExecution, StoreAway.
        """
        stored = await self._reader.read(tenant, execution)
        found: dict[str, list[str]] = {}
        for path in stored.plan.nodes:
            told: Mapping[str, str] = stored.record(path).get("filled") or {}
            froms = [match[1] for text in told.values() if (match := _FROM.match(text))]
            if froms:
                found[path] = froms
        return found

    async def workflow(self, tenant: Tenant, reference: str) -> tuple[str, str]:
        """Id and name. Raises NoSuchWorkflow, WorkflowAmbiguous, StoreAway."""
        found = await self._catalogue.get(tenant, reference)
        return found.id, found.name

    async def _raw(self, execution: str) -> Raw:
        prefix = self._store.prefix(self._reader.tag(execution))
        history = keys.history(prefix, execution)
        read = self._store.read
        facts, envelope, lines = await every(
            [
                read(prefix, "HMGET", keys.state(prefix, execution), *_FACTS),
                read(prefix, "HGET", keys.results(prefix, execution), "@in"),
                read(prefix, "LRANGE", history, 0, LINES_MAX),
            ]
        )
        if facts[0] is not None:
            cut = len(lines) > LINES_MAX
            if cut:
                last = await read(prefix, "LRANGE", history, -LAST, -1)
                lines = [*lines[:LINES_MAX], *last]
            return Raw(facts, envelope, lines, cut, None)
        framed = await read(prefix, "GET", keys.archive(prefix, execution))
        if framed is None:
            raise NoSuchExecution("no execution of this id")
        archive = unpacked(framed)
        cut = len(archive.history) > LINES_MAX
        lines = [*archive.history[:LINES_MAX], *archive.history[-LAST:]] if cut else archive.history
        facts = [archive.state.get(name) for name in _FACTS]
        return Raw(facts, archive.records.get("@in"), lines, cut, archive)

    async def _records(
        self, execution: str, paths: Sequence[str], archive: Archive | None
    ) -> dict[str, Told]:
        if not paths:
            return {}
        if archive is not None:
            framed = [archive.records.get(path) for path in paths]
        else:
            prefix = self._store.prefix(self._reader.tag(execution))
            name = keys.results(prefix, execution)
            framed = await self._store.read(prefix, "HMGET", name, *paths)
        return {
            path: _read(one) for path, one in zip(paths, framed, strict=True) if one is not None
        }


def _wanted(found: Mapping[str, Track], cause: str) -> list[str]:
    """Whose records are looked at: what failed, and what used tokens at a price unknown here."""
    paths = [
        path
        for path, track in found.items()
        if track.state == "failed" or (not track.spent[2] and (track.spent[0] or track.spent[1]))
    ]
    mine = [cause] if cause and cause[0] != "!" else []
    return list(dict.fromkeys([*mine, *paths]))[:RECORDS_MAX]


def _read(framed: bytes) -> Told:
    try:
        found = _tells.decode(frames.unpack(framed))
    except (CorruptRecord, msgspec.DecodeError):
        return NOTHING
    priced = found.usage is not None and found.usage.cost_usd is not None
    return Told(found.error.code if found.error else None, found.cause, priced)


def _error(cause: str, records: Mapping[str, Told]) -> dict[str, Json] | None:
    """Why it ended as it did: the code, and the innermost step we know of."""
    if not cause:
        return None
    if cause == "!deadline":
        return {"code": "timeout.execution", "step": None}
    if cause[0] == "~":
        return {"code": "rollback.failed", "step": cause[1:]}
    seen: set[str] = set()
    while cause not in seen and (inner := records.get(cause, NOTHING).cause):
        seen.add(cause)
        cause = inner
    return {"code": records.get(cause, NOTHING).code or "unknown", "step": cause}


def _hash(tenant: Tenant, envelope: Envelope) -> str:
    """Tells inputs apart, and nothing else; empty for no input at all."""
    if not envelope.input and envelope.input not in (0, False):
        return ""
    text = msgspec.json.encode(envelope.input, order="sorted")
    return hashlib.blake2b(text, digest_size=8, key=tenant.encode()[:64]).hexdigest()
