"""What this replica remembers of executions, and how it reads what it does not.

Only what cannot change is kept: the envelope and the records of completed steps. A failed or
skipped step may be tried again, so its record is read each time it is asked for.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec

from orchestra.errors import OrchestraError
from orchestra.store import keys
from orchestra.workflows.planning.facts import Envelope, Facts, Record, Work
from orchestra.workflows.planning.framing import unpack_envelope, unpack_record
from orchestra.workflows.planning.waiting import answer_fields
from orchestra.workflows.ports import Partitions

BYTES_MAX = 64 * 1024 * 1024
INLINE_MAX = 64 * 1024
_OVERHEAD = 600


class Gone(OrchestraError):
    """The execution has no records: it was removed while a step of it was in hand."""


class Memory:
    """Facts of executions, least recently used out first."""

    def __init__(self, store: Partitions, bytes_max: int = BYTES_MAX) -> None:
        self._store, self._bytes_max, self._bytes = store, bytes_max, 0
        self._facts: OrderedDict[str, Facts] = OrderedDict()

    def facts(self, execution: str) -> Facts:
        """What is known; an empty Facts for a new one."""
        found = self._facts.get(execution)
        if found is None:
            found = self._facts[execution] = Facts(bytes=_OVERHEAD)
            self._bytes += _OVERHEAD
            while self._bytes > self._bytes_max and len(self._facts) > 1:
                _, old = self._facts.popitem(last=False)
                self._bytes -= old.bytes
        else:
            self._facts.move_to_end(execution)
        return found

    def envelope(self, execution: str) -> Envelope | None:
        """What an execution was started with, where that is remembered here."""
        found = self._facts.get(execution)
        return found.envelope if found is not None else None

    def keep(self, execution: str, path: str, record: Record, size: int) -> None:
        """Remember a record just made, if it is final."""
        if record["status"] == "completed":
            self.facts(execution).keep(path, record, size)
            self._bytes += size

    def forget(self, execution: str) -> None:
        """Nothing is sure about it any more."""
        found = self._facts.pop(execution, None)
        if found is not None:
            self._bytes -= found.bytes

    def missing(self, work: Work, more: Sequence[str] = ()) -> list[str]:
        """Fields of `r:` to read before `work` can be decided about."""
        facts, node = work.facts, work.node
        paths = [p for p in (*node.needs, *more) if facts.status(p) != "completed"]
        if node.opens and work.claim.n > 1:
            paths += [node.path, *answer_fields(work)]
        if node.opens and work.claim.k > 0:  # what completed inside before is kept (R36)
            paths += [n.path for n in node.inside if facts.status(n.path) != "completed"]
        if facts.envelope is None:
            paths.append("@in")
        if node.reads_vars and work.plan.sets_vars:
            paths += [f"${name}" for name in work.plan.variables]
        return paths

    async def read(self, prefix: str, execution: str, facts: Facts, fields: Sequence[str]) -> None:
        """Read fields of `r:` into `facts`. Raises Gone, CorruptRecord, StoreAway."""
        key = keys.results(prefix, execution)
        values: list[bytes | None] = await self._store.read(prefix, "HMGET", key, *fields)
        for name, value in zip(fields, values, strict=True):
            if name == "@in":
                if value is None:
                    raise Gone("the execution has no envelope")
                facts.envelope = unpack_envelope(value)
            elif name[0] == "$":
                if value is not None:
                    facts.variables[name[1:]] = msgspec.json.decode(value)
            elif name[-1] == "!" or name[0] == "@":
                facts.answers.pop(name, None)
                if value is not None:
                    facts.answers[name] = value
                    facts.bytes += len(value)
                    self._bytes += len(value)
            elif value is None:
                facts.forget(name)
            else:
                record = unpack_record(value)
                if "blob" in record:
                    record = await self._blob(prefix, execution, record["blob"])
                facts.forget(name)
                facts.keep(name, record, len(value))
                self._bytes += len(value)

    async def _blob(self, prefix: str, execution: str, name: str) -> Record:
        value = await self._store.read(prefix, "GET", keys.blob(prefix, execution, name))
        if value is None:
            raise Gone("a large result is gone")
        return unpack_record(value)

    def fetch(self, prefix: str, *command: str) -> Awaitable[Any]:
        """Any other reading command."""
        return self._store.read(prefix, *command)
