"""The journal in figures: what its entries add to which series. Each entry is read once.

The names of workflows come from their definitions, so a series says what people call it; the
paths of steps go without the numbers of their items.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, cast

import structlog

from orchestra.errors import NotFound, OrchestraError
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.adding import LABEL_MAX, Adding
from orchestra.workflows.history.lots import STEPS, UNKNOWN, Began, Counts, Known, Pile, Raw

log = structlog.get_logger(__name__)

LIVE_MAX: Final = 50_000
ENDED_MAX: Final = 2_000
"""Of what ended: a branch that lost a race says so a moment later."""
NAMES_MAX: Final = 1_000
_COMPLETED: Final = b"D"


class JournalFigures:
    """What the engine's journal says, as additions to series."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store, self._catalogue = store, catalogue
        self._live: OrderedDict[bytes, Began] = OrderedDict()
        self._ended: dict[bytes, Began] = {}
        self._names: OrderedDict[bytes, str] = OrderedDict()
        self._known = Known(self._live.get, self._ended.get, self._named, self._begin, self._over)
        self._adding = Adding()

    def streams(self) -> Mapping[str, tuple[str, str]]:
        """By a short name: key and prefix of each stream. Their entries are to be counted."""
        found: dict[str, tuple[str, str]] = {}
        for tag in self._store.partitions:
            prefix = self._store.prefix(tag)
            found[str(tag)] = (keys.journal(prefix), prefix)
        return found

    async def count(self, prefix: str, entries: Raw, into: Counts) -> None:
        """Add what entries of the stream under `prefix` say. Raises StoreAway, before it adds."""
        pile, rest = self.pile(into), entries
        while rest := rest[pile.sort(rest) :]:
            await self._learn(prefix, rest)
        pile.add()

    def pile(self, into: Counts) -> Pile:
        """Where entries are sorted in as they come, to be added together."""
        return Pile(self._known, self._adding.add, into)

    def _begin(self, execution: bytes, began: Began) -> None:
        self._live[execution] = began
        if len(self._live) > LIVE_MAX:
            self._live.popitem(last=False)

    def _over(self, execution: bytes, how: bytes) -> None:
        if how == _COMPLETED and (began := self._live.pop(execution, None)):
            if len(self._ended) >= ENDED_MAX:
                self._ended.clear()
            self._ended[execution] = began

    def _knows(self, execution: bytes) -> bool:
        return execution in self._live or execution in self._ended

    async def _learn(self, prefix: str, entries: Raw) -> None:
        """Which workflow each execution is of, and when it began."""
        missing: dict[bytes, None] = {}
        for position, fields in entries:
            kind, execution = fields[1], fields[3]
            if kind == b"N":
                workflow = await self._name(fields[9])
                self._begin(execution, (workflow, int(position.partition(b"-")[0])))
            elif (kind == b"E" or kind in STEPS) and not self._knows(execution):
                missing[execution] = None
        wanted = list(missing)
        sent = [
            self._store.read(prefix, "HMGET", keys.state(prefix, eid.decode()), "@d", "@c")
            for eid in wanted
        ]
        for execution, reply in zip(wanted, sent, strict=True):
            digest, began = cast("list[bytes | None]", await reply)
            name = await self._name(digest) if digest else UNKNOWN
            self._begin(execution, (name, int(float(began)) if began else 0))

    def _named(self, digest: bytes) -> str | None:
        """The name of a workflow, if it is at hand."""
        found = self._names.get(digest)
        if found is None:
            plan = self._catalogue.cached(digest.decode())
            found = self._keep(digest, plan.definition.name) if plan else None
        return found

    async def _name(self, digest: bytes) -> str:
        found = self._named(digest)
        if found is not None:
            return found
        try:
            document = await self._catalogue.document(digest.decode())
            name = str(document.get("name", UNKNOWN))
        except NotFound:
            name = UNKNOWN
        except OrchestraError as error:
            if error.retryable:
                raise
            name = UNKNOWN
        return self._keep(digest, name)

    def _keep(self, digest: bytes, name: str) -> str:
        self._names[digest] = name[:LABEL_MAX]
        if len(self._names) > NAMES_MAX:
            self._names.popitem(last=False)
        return name[:LABEL_MAX]
