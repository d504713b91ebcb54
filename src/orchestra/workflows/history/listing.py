"""Lists of executions: one index a partition, merged by start, filtered, bounded."""

import heapq
from collections.abc import Awaitable, Mapping
from typing import Any

from orchestra.errors import Invalid, Problem
from orchestra.instants import instant
from orchestra.store import keys
from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.cursors import cursor_of, place_of
from orchestra.workflows.history.reader import NoSuchExecution, Reader, every
from orchestra.workflows.history.stored import STATES
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Envelope
from orchestra.workflows.planning.framing import unpack_envelope
from orchestra.workflows.ports import Partitions

PAGE, SCANNED_MAX = 100, 5_000


class Listing:
    """Executions of a tenant, newest first."""

    def __init__(self, store: Partitions, reader: Reader) -> None:
        self._store, self._reader = store, reader

    async def page(
        self, tenant: Tenant, want: Mapping[str, str | None], cursor: str | None, limit: int
    ) -> dict[str, Json]:
        """`want`: status, workflow, label, started_after, started_before (ms), q.

        At most 5,000 executions are looked at for one page; then `next_cursor` goes on from there.
        Raises Invalid for a bad cursor, StoreAway.
        """
        before = place_of(cursor)
        _check_status(want.get("status"))
        picky = any(value for name, value in want.items() if name != "started_after")
        items: list[dict[str, Json]] = []
        scanned = 0
        while len(items) < limit and scanned < SCANNED_MAX:
            # Nothing but the page itself is looked at, unless some will be passed over.
            most = PAGE if picky else min(limit - len(items), PAGE)
            entries = await self._newest(tenant, before, want.get("started_after"), most)
            if not entries:
                return {"items": items, "next_cursor": None}
            scanned += len(entries)
            before = entries[-1][:2]
            for shown in await self._shown(tenant, entries):
                if _fits(shown, want):
                    items.append({k: v for k, v in shown.items() if k[0] != "_"})
                    if len(items) == limit:
                        before = (shown["_ms"], shown["id"])
                        break
        return {"items": items, "next_cursor": cursor_of(before) if before else None}

    async def _newest(
        self, tenant: Tenant, before: tuple[int, str] | None, after: str | None, most: int
    ) -> list[tuple[int, str, int]]:
        """The next ids of all partitions, merged: start, id, partition."""
        highest = "+inf" if before is None else str(before[0])
        lowest = "-inf" if after is None else after
        read = most if before is None else PAGE  # those of its millisecond were given out, maybe
        prefixes = [self._store.prefix(tag) for tag in self._store.partitions]
        replies: list[list[bytes]] = await every(
            [
                self._store.read(
                    prefix, "ZRANGE", f"{prefix}ix:{tenant}", highest, lowest,
                    "BYSCORE", "REV", "LIMIT", 0, read, "WITHSCORES",
                )
                for prefix in prefixes
            ]
        )  # fmt: skip
        found: list[tuple[int, str, int]] = []
        for tag, flat in zip(self._store.partitions, replies, strict=True):
            for name, score in zip(flat[::2], flat[1::2], strict=True):
                entry = (int(float(score)), name.decode(), tag)
                if before is None or entry[:2] < before:
                    found.append(entry)
        return heapq.nlargest(most, found)

    async def _shown(
        self, tenant: Tenant, entries: list[tuple[int, str, int]]
    ) -> list[dict[str, Json]]:
        sent: list[Awaitable[Any]] = []
        for _, execution, tag in entries:
            prefix = self._store.prefix(tag)
            results = keys.results(prefix, execution)
            sent.append(
                self._store.read(prefix, "HMGET", keys.state(prefix, execution), "@s", "@f")
            )
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
        state = [stored.state.get("@s"), stored.state.get("@f")]
        return [_summary(created_ms, execution, state, stored.envelope)]


def _summary(
    created_ms: int, execution: str, state: list[bytes | None], envelope: Envelope
) -> dict[str, Json]:
    letter = (state[0] or b"").decode()
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
        "created_at": instant(created_ms),
        "ended_at": instant(ended_ms) if ended_ms else None,
        "duration_ms": ended_ms - created_ms if ended_ms else None,
        "links": {"self": base, "status": f"{base}/status", "logs": f"{base}/logs"},
        "_ms": created_ms,
    }


def _fits(shown: dict[str, Json], want: Mapping[str, str | None]) -> bool:
    status, workflow, label = want.get("status"), want.get("workflow"), want.get("label")
    if status and shown["status"] not in status.split(","):
        return False
    if workflow and workflow not in (shown["workflow_id"], shown["workflow_name"]):
        return False
    before = want.get("started_before")
    if before and shown["_ms"] >= int(before):
        return False
    if label:
        key, _, value = label.partition("=")
        if key not in shown["labels"] or (value and shown["labels"][key] != value):
            return False
    text = want.get("q")
    return not text or text.lower() in f"{shown['id']} {shown['workflow_name']}".lower()


def _check_status(text: str | None) -> None:
    known = sorted(set(STATES.values()))
    if text and not set(text.split(",")) <= set(known):
        message = f"status is of {', '.join(known)}; several with commas"
        finding = Problem("/query/status", "field.range", message)
        raise Invalid("the query is not valid", [finding])
