"""Replays: what happened in a range of time, sent once more, so many a second, until stopped.

Any replica takes the next step; the store keeps the rate and the place. A step that is taken twice
puts nothing in line twice.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
import structlog

from orchestra.bus.events.reading import Events
from orchestra.bus.events.reading import Wanted as WantedEvents
from orchestra.bus.patterns import matcher
from orchestra.bus.queues.calls import Calls
from orchestra.bus.webhooks.circuits import queue_of
from orchestra.bus.webhooks.deliveries import EventGone, Log
from orchestra.bus.webhooks.delivering import Deliverer
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.formats import thinned
from orchestra.bus.webhooks.matching import Matcher, Parcel, delivery_id
from orchestra.bus.webhooks.records import Endpoint, WebhookUnknown
from orchestra.clock import Clock, Ids
from orchestra.errors import Conflict, NotFound, OrchestraError
from orchestra.store import delivery_keys
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument, load_scripts

log = structlog.get_logger(__name__)

PER_S_MAX: Final = 100
LEASE_MS: Final = 30_000
STEP_S: Final = 0.25
LOOK_S: Final = 2.0
ROOM: Final = 1_000
"""While more than that waits for the endpoint already, nothing is added."""


class ReplayRunning(Conflict):
    """Something is replayed to this webhook already. Context: `job`."""


class ReplayUnknown(NotFound):
    """Nothing was ever replayed to this webhook."""


class Wish(msgspec.Struct, frozen=True):
    """What to send once more: of this time and these types (patterns; () is all that it asks for).

    `failed_only`: only what was given up or skipped, as far as the log knows of it.
    """

    since_ms: int
    until_ms: int
    failed_only: bool = False
    types: tuple[str, ...] = ()


class Replay(msgspec.Struct, frozen=True):
    """How far one is."""

    id: str
    state: Literal["running", "completed", "stopped"]
    sent: int
    wish: Wish
    per_s: int
    began_ms: int
    ended_ms: int | None
    cursor: str = ""


class Replays:
    """Replays in the store: the last one of each endpoint."""

    def __init__(self, calls: Calls, endpoints: Endpoints, clock: Clock, ids: Ids) -> None:
        self.store, self._calls = calls.store, calls
        self._clock, self._ids = clock, ids
        self.endpoints = endpoints
        self.runner = ids.new("rpr")
        self._scripts = load_scripts(__package__ or "")

    async def begin(self, endpoint: Endpoint, wish: Wish, per_s: int = PER_S_MAX) -> Replay:
        """Begin one. Raises ReplayRunning."""
        assert 1 <= per_s <= PER_S_MAX
        job = self._ids.new("rpl")
        # What happens later is no part of it: else it would never come to its end.
        until_ms = min(wish.until_ms, self._clock.now_ms())
        wish = msgspec.structs.replace(wish, until_ms=until_ms)
        reply = await self._run(
            endpoint, "hook_replay_begin", job=job, wish=msgspec.json.encode(wish), per_s=per_s
        )
        found = _replay(reply[1:])
        if reply[0] == 0:
            raise ReplayRunning("something is replayed to this webhook already", job=found.id)
        return found

    async def job(self, endpoint: Endpoint, *, stop: bool = False) -> Replay:
        """How far the last one is; stopped when asked to. Raises ReplayUnknown."""
        reply = await self._run(endpoint, "hook_replay_job", stop=int(stop))
        if not reply:
            raise ReplayUnknown("nothing was ever replayed to this webhook")
        return _replay(reply)

    async def running(self) -> list[tuple[Tenant, str]]:
        """Endpoints to which something is replayed."""
        found: list[tuple[Tenant, str]] = []
        for tag in self.store.partitions:
            prefix = self.store.prefix(tag)
            for hook in await self._calls.read(prefix, "SMEMBERS", delivery_keys.replays(prefix)):
                tenant, _, endpoint = hook.decode().rpartition(":")
                found.append((Tenant(tenant), endpoint))
        return found

    async def claim(self, endpoint: Endpoint, runner: str) -> tuple[int, Replay] | None:
        """The next step: how many may be sent in it. None: it is not ours."""
        reply = await self._run(endpoint, "hook_replay_claim", runner=runner, lease_ms=LEASE_MS)
        return (reply[0], _replay(reply[1:])) if reply else None

    async def step(self, endpoint: Endpoint, runner: str, step: "Step") -> None:
        """So much was done."""
        await self._run(
            endpoint, "hook_replay_step",
            runner=runner, sent=step.sent, cursor=step.cursor, ended=step.ended,
        )  # fmt: skip

    async def _run(self, endpoint: Endpoint, script: str, **args: Argument) -> list[Any]:
        known = self._scripts[script]
        prefix = self.store.prefix(self._calls.tag(endpoint.tenant, queue_of(endpoint.id)))
        given = {"hook": f"{endpoint.tenant}:{endpoint.id}", **args}
        return cast(
            "list[Any]",
            await self.store.insist(lambda: self.store.run(known, prefix, **given)),
        )


class Step(NamedTuple):
    """What was sent in a step, and where the next one goes on."""

    sent: int
    cursor: str
    ended: Literal["", "completed", "stopped"] = ""


class Replaying:
    """Looks for replays that run, and takes each a step on."""

    def __init__(
        self,
        replays: Replays,
        history: Log,
        deliverer: Deliverer,
        matcher: Matcher,
        events: Events,
        clock: Clock,
    ) -> None:
        self._replays, self._log, self._deliverer = replays, history, deliverer
        self._matcher, self._events, self._clock = matcher, events, clock
        self._runner = replays.runner

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            going = False
            try:
                for tenant, endpoint_id in await self._replays.running():
                    going = True
                    await self._advance(tenant, endpoint_id)
            except OrchestraError as error:
                log.debug("webhook.replay_delayed", reason=error.detail)
            await self._clock.sleep(STEP_S if going else LOOK_S)

    async def _advance(self, tenant: Tenant, endpoint_id: str) -> None:
        try:
            endpoint = await self._replays.endpoints.get(tenant, endpoint_id)
        except WebhookUnknown:
            endpoint = Endpoint(endpoint_id, tenant, "", "", state="disabled")
        claim = await self._replays.claim(endpoint, self._runner)
        if claim is None:
            return
        may, replay = claim
        step = Step(0, replay.cursor, "stopped")
        if endpoint.state == "active":
            waiting = (await self._log.health(tenant, endpoint_id)).waiting
            may = min(may, ROOM - waiting)
            send = self._failed if replay.wish.failed_only else self._all
            step = await send(endpoint, replay, may) if may > 0 else Step(0, replay.cursor)
        await self._replays.step(endpoint, self._runner, step)

    async def _all(self, endpoint: Endpoint, replay: Replay, may: int) -> Step:
        """Events of the range that it asks for now."""
        wish = replay.wish
        wanted = WantedEvents(
            wish.types or endpoint.types, since_ms=wish.since_ms, until_ms=wish.until_ms,
            oldest_first=True,
        )  # fmt: skip
        found, cursor = await self._events.page(endpoint.tenant, wanted, may, replay.cursor or None)
        sent = 0
        for event in found:
            if await self._matcher.wants(endpoint, event):
                delivery = delivery_id(event, endpoint.id)
                parcel = Parcel(delivery, thinned(event, self._log.base_url), replay.id)
                await self._deliverer.enqueue(endpoint, parcel, f"{replay.id}|{delivery}")
                sent += 1
        return Step(sent, cursor or "", "" if cursor else "completed")

    async def _failed(self, endpoint: Endpoint, replay: Replay, may: int) -> Step:
        """Deliveries that did not arrive, by the log. What is tried meanwhile is left alone."""
        wish, fits = replay.wish, matcher(replay.wish.types)
        due = [
            one
            for one in await self._log.last(endpoint)
            if one.result in ("dead", "skipped")
            and wish.since_ms <= one.at_ms < wish.until_ms
            and fits(one.type)
            and _place(one.id) > _place(replay.cursor)
        ]
        sent = 0
        for one in due[:may]:
            try:
                await self._log.again(endpoint, one, replay.id)
                sent += 1
            except EventGone:
                log.info("webhook.event_gone", webhook=endpoint.id, delivery=one.delivery)
        cursor = due[:may][-1].id if due[:may] else replay.cursor
        return Step(sent, cursor, "" if len(due) > may else "completed")


def _place(position: str) -> tuple[int, int]:
    ms, _, seq = position.partition("-")
    return int(ms or 0), int(seq or 0)


def _replay(row: Sequence[Any]) -> Replay:
    name, state, sent, wish, per_s, began, ended, cursor = (part.decode() for part in row)
    return Replay(
        id=name,
        state=cast("Literal['running', 'completed', 'stopped']", state),
        sent=int(sent),
        wish=msgspec.json.decode(wish, type=Wish),
        per_s=int(per_s),
        began_ms=int(began),
        ended_ms=int(ended) if ended else None,
        cursor=cursor,
    )
