"""Why executions failed, and which agents worked in them, without reading the whole of each."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final

from orchestra.store import keys, partitions
from orchestra.store.frames import CorruptRecord
from orchestra.workflows.history.reader import every
from orchestra.workflows.history.showing import failed_at
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Record
from orchestra.workflows.planning.framing import unpack_record
from orchestra.workflows.ports import Partitions

DEEP_MAX: Final = 16
"""Steps inside of steps that are followed to where it began."""


class Causes:
    """Asks the records of steps alone."""

    def __init__(self, store: Partitions) -> None:
        self._store = store

    async def of(self, failed: Sequence[tuple[str, str]]) -> list[Json]:
        """The error of each: its id, and the step that `@z` names."""
        records: list[dict[str, Record]] = [{} for _ in failed]
        wanted = {i: cause for i, (_, cause) in enumerate(failed) if cause[:1] != "!"}
        for _ in range(DEEP_MAX):
            if not wanted:
                break
            sent = [self._record(failed[i][0], path) for i, path in wanted.items()]
            further: dict[int, str] = {}
            for (i, path), framed in zip(wanted.items(), await every(sent), strict=True):
                records[i][path] = _unpacked(framed)
                inside = records[i][path].get("cause")
                if inside and inside not in records[i]:
                    further[i] = str(inside)
            wanted = further
        return [
            failed_at(cause, lambda path, known=known: known.get(path, {}))
            for (_, cause), known in zip(failed, records, strict=True)
        ]

    async def agents(self, executions: Sequence[str]) -> list[frozenset[str] | None]:
        """The agents that worked in each; None for one that is in its archive."""
        sent: list[Awaitable[Any]] = []
        for one in executions:
            prefix = self._prefix(one)
            sent.append(self._store.read(prefix, "HGETALL", keys.results(prefix, one)))
        found: list[frozenset[str] | None] = []
        for flat in await every(sent):
            pairs = zip(flat[::2], flat[1::2], strict=True)
            records = [_unpacked(framed) for name, framed in pairs if name[:1] not in b"@$"]
            found.append(names_in(records) if flat else None)
        return found

    def _record(self, execution: str, path: str) -> Awaitable[Any]:
        prefix = self._prefix(execution)
        return self._store.read(prefix, "HGET", keys.results(prefix, execution), path)

    def _prefix(self, execution: str) -> str:
        return self._store.prefix(partitions.tag_number_of(execution))


def names_in(records: Iterable[Record]) -> frozenset[str]:
    """Names and ids of the agents that worked."""
    both = ((one.get("agent"), one.get("agent_id")) for one in records)
    return frozenset(str(name) for names in both for name in names if name)


def _unpacked(framed: bytes | None) -> Record:
    try:
        return unpack_record(framed) if framed else {}
    except (CorruptRecord, ValueError):
        return {}
