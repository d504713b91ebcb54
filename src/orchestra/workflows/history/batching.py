"""One control verb for many executions: by their ids, or all that a filter chooses.

A batch is a page: at most 200 executions are steered by one request, and `next_cursor` goes on.
So there is no job that could be lost: whoever asks holds the place, a page that is asked for again
finds the executions as it left them, and each is steered by its own script, or not at all.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, cast

import anyio
import msgspec
from msgspec import Meta

from orchestra.clock import Clock, Random
from orchestra.errors import Conflict, Invalid, OrchestraError, Problem
from orchestra.instants import instant
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.repeats import IdempotencyMismatch
from orchestra.workflows.catalogue.cursors import cursor_of, place_of
from orchestra.workflows.catalogue.plans import IDEMPOTENCY_TTL_MS
from orchestra.workflows.history import choosing
from orchestra.workflows.history.choosing import Choice
from orchestra.workflows.history.executions import Control, Executions, possible
from orchestra.workflows.history.listing import Listing
from orchestra.workflows.language.definition import Json

PAGE_MAX: Final = 200
COUNTED_MAX: Final = 10_000
AT_ONCE: Final = 16
TAKEN_OVER_MS: Final = 60_000
"""After so long nobody works on a page any more: its process has died."""

Action = Literal["pause", "resume", "cancel", "retry", "rollback"]
Text = Annotated[str, Meta(max_length=choosing.TEXT_MAX)]


class BatchRunning(Conflict):
    """The same page, with the same `Idempotency-Key`, is being worked on."""


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which executions: the filters of the list. An empty one is all."""

    status: Annotated[Text | None, Meta(description="Several with commas.")] = None
    workflow: Annotated[Text | None, Meta(description="Id or name.")] = None
    version: Text | int | None = None
    label: Annotated[Text | None, Meta(description="`name` or `name=value`.")] = None
    agent: Annotated[Text | None, Meta(description="An agent that worked in it.")] = None
    error: Annotated[Text | None, Meta(description="Its code, or the beginning: `agent`.")] = None
    longer_than: Annotated[Text | None, Meta(description="As `30s`; so far, while it runs.")] = None
    shorter_than: Text | None = None
    started_after: Annotated[Text | None, Meta(description="RFC 3339.")] = None
    started_before: Text | None = None
    q: Annotated[Text | None, Meta(description="A part of id, workflow or a label.")] = None

    def wanted(self) -> dict[str, str | None]:
        """As the list takes it."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: None if value is None else str(value) for name, value in given.items()}


class Batch(Control, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to do, to which executions: `ids`, or a `filter`; not both."""

    action: Action
    ids: Annotated[list[str], Meta(min_length=1, max_length=PAGE_MAX)] | None = None
    filter: Filter | None = None
    dry_run: Annotated[bool, Meta(description="Count, and do nothing.")] = False
    cursor: Annotated[str | None, Meta(description="`next_cursor` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="Executions to steer.")] = PAGE_MAX


class Batches:
    """Steers many, for one caller at a time."""

    def __init__(
        self, store: Store, executions: Executions, listing: Listing, clock: Clock, chance: Random
    ) -> None:
        self._store, self._executions, self._listing = store, executions, listing
        self._clock, self._chance = clock, chance
        self._prefix = keys.definitions(store.space)

    async def run(
        self, tenant: Tenant, wish: Batch, actor: str, key: str | None
    ) -> tuple[dict[str, Json], bool]:
        """The answer, and whether it was given before. With `key` a repeat does nothing again.

        Raises Invalid, IdempotencyMismatch, BatchRunning, StoreAway.
        """
        choice = _checked(wish)
        if wish.dry_run:
            return await self._counted(tenant, wish, choice), False
        named = "" if key is None else self._named(tenant, key)
        digest = hashlib.sha256(msgspec.json.encode(wish, order="deterministic")).hexdigest()[:40]
        if named and (before := await self._before(named, digest)) is not None:
            return before, True
        made = await self._steered(tenant, wish, choice, actor)
        if named:
            body = f"{digest}|d|{msgspec.json.encode(made).decode()}"
            await self._keep(named, body, "PX", IDEMPOTENCY_TTL_MS)
        return made, False

    # what it would do

    async def _counted(self, tenant: Tenant, wish: Batch, choice: Choice) -> dict[str, Json]:
        began_ms = self._clock.now_ms()
        items, more = await self._of_page(tenant, wish, choice, COUNTED_MAX, began_ms)
        by_status: dict[str, int] = {}
        for one in items:
            by_status[one["status"]] = by_status.get(one["status"], 0) + 1
        able = sum(n for state, n in by_status.items() if possible(wish.action, state))
        return {
            "action": wish.action,
            "dry_run": True,
            "matched": len(items),
            "possible": able,
            "complete": more is None,
            "by_status": by_status,
            "as_of": instant(began_ms + 1),
        }

    async def _of_page(
        self, tenant: Tenant, wish: Batch, choice: Choice, limit: int, began_ms: int
    ) -> tuple[list[dict[str, Json]], tuple[int, str] | None]:
        if wish.ids is None:
            # What starts from now on was not meant.
            before_ms = min(choice.before_ms or began_ms + 1, began_ms + 1)
            choice = msgspec.structs.replace(choice, before_ms=before_ms)
            behind = place_of(wish.cursor)
            return await self._listing.chosen(tenant, choice, behind, limit, COUNTED_MAX, why=False)
        found: list[dict[str, Json]] = []
        for one in dict.fromkeys(wish.ids):
            state = await self._executions.state(tenant, one)
            found.append({"id": one, "status": state or "unknown"})
        return found, None

    # doing it

    async def _steered(
        self, tenant: Tenant, wish: Batch, choice: Choice, actor: str
    ) -> dict[str, Json]:
        began_ms = self._clock.now_ms()
        items, more = await self._of_page(tenant, wish, choice, wish.limit, began_ms)
        results: dict[str, dict[str, Json]] = {}
        limiter = anyio.CapacityLimiter(AT_ONCE)
        body = Control(wish.mode, wish.reason, wish.skip)

        async def steer(one: Mapping[str, Json]) -> None:
            async with limiter:
                results[one["id"]] = await self._one(tenant, one, wish.action, body, actor)

        async with anyio.create_task_group() as group:
            for one in items:
                group.start_soon(steer, one)
        told = [results[one["id"]] for one in items]
        return {
            "action": wish.action,
            "dry_run": False,
            "matched": len(told),
            "done": _how_many(told, "done"),
            "refused": _how_many(told, "refused"),
            "failed": _how_many(told, "failed"),
            "items": told,
            "next_cursor": cursor_of(more) if more else None,
            "as_of": instant(began_ms + 1),
        }

    async def _one(
        self, tenant: Tenant, one: Mapping[str, Json], action: Action, body: Control, actor: str
    ) -> dict[str, Json]:
        """One execution. Whatever is wrong with it is its own answer, and stops no other."""
        told: dict[str, Json] = {"id": one["id"], "status": one["status"]}
        if one["status"] != "unknown" and not possible(action, one["status"]):
            state = str(one["status"]).replace("_", " ")
            detail = f"an execution that is {state} cannot {action}"
            return told | {"result": "refused", "code": "wrong_state", "detail": detail}
        try:
            made = await self._executions.control(tenant, one["id"], action, body, actor)
        except OrchestraError as error:
            result = "failed" if error.status >= 500 else "refused"
            return told | {"result": result, "code": error.code, "detail": error.detail}
        return told | {"status": made["status"], "result": "done", "code": None, "detail": None}

    # repeats

    def _named(self, tenant: Tenant, key: str) -> str:
        digest = hashlib.sha256(f"batch|{tenant}|{key}".encode()).hexdigest()[:40]
        return keys.idempotency(self._prefix, digest)

    async def _before(self, named: str, digest: str) -> dict[str, Json] | None:
        """What this key was answered; None: do it now. Raises IdempotencyMismatch, BatchRunning."""
        ours = f"{self._chance.getrandbits(64):x}"  # so a call that is sent again finds itself
        kept = await self._keep(named, f"{digest}|r|{ours}", "NX", "PX", TAKEN_OVER_MS, "GET")
        if kept is None:
            return None
        known, state, rest = kept.decode().split("|", 2)
        if known != digest:
            raise IdempotencyMismatch("this Idempotency-Key was used with another body")
        if state == "r" and rest != ours:
            detail = "this page of the batch is being worked on"
            raise BatchRunning(detail, retry_after_ms=1_000)
        return None if state == "r" else msgspec.json.decode(rest)

    async def _keep(self, named: str, value: str, *how: str | int) -> bytes | None:
        kept = await self._store.insist(
            lambda: self._store.call(self._prefix, "SET", named, value, *how)
        )
        return cast("bytes | None", kept)


def _checked(wish: Batch) -> Choice:
    """Raises Invalid with all that is wrong."""
    findings: list[Problem] = []
    if (wish.ids is None) == (wish.filter is None):
        findings.append(Problem("/ids", "field.range", "send ids, or a filter; not both"))
    if wish.mode not in (None, "drain", "interrupt"):
        findings.append(Problem("/mode", "field.range", 'mode is "drain" or "interrupt"'))
    if wish.cursor is not None and wish.filter is None:
        findings.append(Problem("/cursor", "field.range", "a cursor goes on with a filter"))
    for i, one in enumerate(wish.ids or ()):
        if len(one) > 64:
            findings.append(Problem(f"/ids/{i}", "field.range", "not the id of an execution"))
    if findings:
        raise Invalid("the batch is not valid", findings)
    choice = choosing.read({} if wish.filter is None else wish.filter.wanted(), "/filter")
    place_of(wish.cursor)
    return choice


def _how_many(told: Sequence[Mapping[str, Json]], result: str) -> int:
    return sum(one["result"] == result for one in told)
