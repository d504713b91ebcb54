"""Lists of executions, by start, filtered, bounded."""

from collections.abc import Awaitable, Mapping
from typing import Any, Final

from orchestra.clock import Clock
from orchestra.instants import instant
from orchestra.store import keys
from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.cursors import Place, cursor_of, place_of
from orchestra.workflows.history import choosing
from orchestra.workflows.history.causes import Causes, names_in
from orchestra.workflows.history.choosing import Choice
from orchestra.workflows.history.index import LOOKED_MAX, PAGE, Entry, Index
from orchestra.workflows.history.reader import NoSuchExecution, Reader, every
from orchestra.workflows.history.showing import error
from orchestra.workflows.history.stored import STATES
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Envelope
from orchestra.workflows.planning.framing import unpack_envelope
from orchestra.workflows.ports import Partitions

SCANNED_MAX: Final = LOOKED_MAX
FAR: Final = 800
"""So many are looked at together at most."""
READ: Final = 100
"""Of so many the inputs, which come with the rest, are in memory at once."""


class Listing:
    """Executions of a tenant, newest first, or oldest."""

    def __init__(self, store: Partitions, reader: Reader, clock: Clock) -> None:
        self._store, self._reader, self._clock = store, reader, clock
        self._index, self._causes = Index(store), Causes(store)

    async def page(
        self, tenant: Tenant, want: Mapping[str, str | None], cursor: str | None, limit: int
    ) -> dict[str, Json]:
        """`want`: what `choosing.read` takes.

        At most 5,000 executions are looked at for one page; then `next_cursor` goes on from there.
        Raises Invalid for a bad filter or cursor, StoreAway.
        """
        items, more = await self.chosen(tenant, choosing.read(want), place_of(cursor), limit)
        shown = [choosing.without_own(one) for one in items]
        return {"items": shown, "next_cursor": cursor_of(more) if more else None}

    async def chosen(
        self, tenant: Tenant, choice: Choice, behind: Place | None, limit: int,
        scanned_max: int = SCANNED_MAX, *, why: bool = True,
    ) -> tuple[list[dict[str, Json]], Place | None]:  # fmt: skip
        """Summaries of those that suit, and where to go on; None: there are no more.

        Without `why` the errors of failed ones are left out, unless they are asked for.
        """
        items: list[dict[str, Json]] = []
        scanned, now_ms, most = 0, self._clock.now_ms(), PAGE
        while len(items) < limit and scanned < scanned_max:
            # Nothing but the page itself is looked at, unless some will be passed over.
            if not choice.passing:
                most = min(limit - len(items), FAR)
            elif not choice.agent:  # which is asked for with all that the steps gave
                most = min(2 * most, FAR)
            some = await self._index.next(tenant, behind, choice, most)
            scanned += some.looked
            shown = await self._shown(tenant, some.entries)
            fitting = [one for one in shown if choice.fits(one, now_ms)]
            for one in await self._looked_into(tenant, fitting, choice, why=why):
                items.append(one)
                if len(items) == limit:
                    return items, (one["_ms"], one["id"])
            if some.behind is None:
                return items, None
            behind = some.behind
        return items, behind

    async def count(self, tenant: Tenant) -> int:
        """How many executions of a tenant are kept."""
        sent = [
            self._store.read(prefix, "ZCARD", f"{prefix}ix:{tenant}")
            for prefix in map(self._store.prefix, self._store.partitions)
        ]
        return sum(await every(sent))

    async def _looked_into(
        self, tenant: Tenant, shown: list[dict[str, Json]], choice: Choice, *, why: bool
    ) -> list[dict[str, Json]]:
        """Those whose agents and error suit, each with its error."""
        if why or choice.error:
            live = [one for one in shown if one["_cause"]]
            causes = await self._causes.of([(one["id"], one["_cause"]) for one in live])
            for one, cause in zip(live, causes, strict=True):
                one["error"] = cause
            shown = [one for one in shown if choice.fails_so(one["error"])]
        if not choice.agent or not shown:
            return shown
        agents = await self._causes.agents([one["id"] for one in shown])
        found: list[dict[str, Json]] = []
        for one, names in zip(shown, agents, strict=True):
            if choice.agent in (names or await self._archived_agents(tenant, one["id"])):
                found.append(one)
        return found

    async def _archived_agents(self, tenant: Tenant, execution: str) -> frozenset[str]:
        try:
            stored = await self._reader.read(tenant, execution)
        except NoSuchExecution:
            return frozenset()
        return names_in(stored.record(path) for path in stored.records if path[0] not in "@$")

    async def _shown(self, tenant: Tenant, entries: list[Entry]) -> list[dict[str, Json]]:
        shown: list[dict[str, Json]] = []
        for start in range(0, len(entries), READ):
            shown += await self._some(tenant, entries[start : start + READ])
        return shown

    async def _some(self, tenant: Tenant, entries: list[Entry]) -> list[dict[str, Json]]:
        sent: list[Awaitable[Any]] = []
        for _, execution, tag in entries:
            prefix = self._store.prefix(tag)
            results, state = keys.results(prefix, execution), keys.state(prefix, execution)
            sent.append(self._store.read(prefix, "HMGET", state, "@s", "@f", "@z"))
            sent.append(self._store.read(prefix, "HGET", results, "@in"))
        replies = await every(sent)
        shown: list[dict[str, Json]] = []
        for (created_ms, execution, _), live, envelope in zip(
            entries, replies[::2], replies[1::2], strict=True
        ):
            if live[0] is not None and envelope is not None:
                shown.append(_summary(created_ms, execution, live, unpack_envelope(envelope)))
            else:
                shown += await self._archived(tenant, created_ms, execution)
        return shown

    async def _archived(
        self, tenant: Tenant, created_ms: int, execution: str
    ) -> list[dict[str, Json]]:
        try:
            stored = await self._reader.read(tenant, execution)
        except NoSuchExecution:  # its archive ended, and the index is swept a little later
            return []
        state = [stored.state.get("@s"), stored.state.get("@f"), None]
        made = _summary(created_ms, execution, state, stored.envelope)
        return [made | {"error": error(stored)}]


def _summary(
    created_ms: int, execution: str, state: list[bytes | None], envelope: Envelope
) -> dict[str, Json]:
    letter, cause = (state[0] or b"").decode(), (state[2] or b"").decode()
    ended_ms = int(state[1]) if state[1] else None
    base = f"/api/executions/{execution}"
    return {
        "id": execution,
        "execution_id": execution,
        "workflow_id": envelope.workflow_id,
        "workflow_name": envelope.workflow_name,
        "workflow_version": envelope.workflow_version,
        "status": STATES[letter],
        "labels": envelope.labels,
        "error": None,
        "created_at": instant(created_ms),
        "ended_at": instant(ended_ms) if ended_ms else None,
        "duration_ms": ended_ms - created_ms if ended_ms else None,
        "links": {"self": base, "status": f"{base}/status", "logs": f"{base}/logs"},
        "_ms": created_ms,
        "_cause": cause if letter not in "DC" else "",
    }
