"""Circuits: how many deliveries may go to an endpoint now, over all replicas, and what it makes of
them.

The state is in the store, so that one probe is one probe however many replicas there are. A place
is given for the time of one attempt; one that is not given back (its replica died) runs out.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import msgspec

from orchestra.bus.queues.calls import Calls
from orchestra.bus.webhooks.records import Endpoint
from orchestra.clock import Random
from orchestra.store import delivery_keys
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument, load_scripts

QUEUE: Final = "~wh."
SLACK_MS: Final = 6_000
"""A lease outlives its attempt by so much."""

State = Literal["closed", "open", "half_open"]
_STATES: Final[Mapping[str, State]] = {"c": "closed", "o": "open", "h": "half_open"}
Heard = Literal["ok", "bad", "none"]
Since = Literal["", "keep", "drop"]


class Places(msgspec.Struct, frozen=True):
    """Deliveries that may begin now. Without any: look again after `wait_ms`."""

    token: str
    count: int
    wait_ms: int = 0
    probe: bool = False

    def name(self, number: int) -> str:
        """Of one of them, from 1."""
        return f"{self.token}:{number}"


class Told(msgspec.Struct, frozen=True):
    """What follows from an attempt. Times are the store's."""

    at_ms: int
    state: State
    until_ms: int
    opened: bool
    closed: bool
    failing_since_ms: int
    failures: int
    warn: bool
    disable: bool
    recovered: bool


class Ending(msgspec.Struct, frozen=True):
    """How an attempt ended: what the circuit hears, and the entry of the log."""

    slot: str
    delivery: str
    heard: Heard
    entry: Mapping[str, str | int]
    probe: bool = False
    since: Since = ""


class Circuit(msgspec.Struct, frozen=True):
    """What is known of an endpoint. None where there is nothing to say."""

    state: State = "closed"
    until_ms: int | None = None
    last_success_ms: int | None = None
    failing_since_ms: int | None = None
    failures: int = 0
    in_flight_max: int = 2


class Circuits:
    """The circuits of all endpoints."""

    def __init__(self, calls: Calls, chance: Random) -> None:
        self._calls, self._store, self._chance = calls, calls.store, chance
        self._scripts = load_scripts(__package__ or "")

    async def admit(self, endpoint: Endpoint, token: str, want: int) -> Places:
        """At most `want` places. `token` is used once."""
        count, wait_ms, _, probe = await self._run(
            endpoint,
            "hook_admit",
            token=token,
            want=want,
            most=endpoint.concurrency,
            rate=endpoint.rate_per_s,
            lease_ms=lease_ms(endpoint),
            revision=endpoint.revision,
        )
        return Places(token, count, wait_ms, bool(probe))

    async def release(self, endpoint: Endpoint, places: Places, used: int) -> None:
        """All but the first `used` are not needed."""
        if used < places.count:
            await self._run(
                endpoint,
                "hook_release",
                token=places.token,
                first=used + 1,
                last=places.count,
                rate=endpoint.rate_per_s,
            )

    async def told(self, endpoint: Endpoint, ending: Ending) -> Told:
        """An attempt has ended: its place is free, and the log has it."""
        more = [
            part
            for name, value in ending.entry.items()
            for part in (name.encode(), str(value).encode("utf-8", "replace"))
        ]
        reply = await self._run(
            endpoint,
            "hook_told",
            *more,
            slot=ending.slot,
            out=ending.heard,
            probe=int(ending.probe),
            most=endpoint.concurrency,
            delivery=ending.delivery,
            since=ending.since,
            chance=f"{self._chance.random():.4f}",
        )
        at_ms, state, until_ms, opened, closed, since_ms, failures, warn, disable, well = reply
        return Told(
            at_ms, _STATES[state.decode()], until_ms, bool(opened), bool(closed), since_ms,
            failures, bool(warn), bool(disable), bool(well),
        )  # fmt: skip

    async def probe(self, endpoint: Endpoint) -> None:
        """If the circuit is open, the next delivery may be its probe."""
        await self._run(endpoint, "hook_probe")

    async def blocked_ms(self, endpoint: Endpoint, delivery: str) -> int:
        """For how long a delivery that failed has kept those behind it waiting."""
        [found] = await self._run(endpoint, "hook_blocked", delivery=delivery)
        return max(found, 0)

    async def look(self, tenant: Tenant, endpoint_id: str) -> Circuit:
        """How it is now."""
        prefix, home = self._home(tenant, endpoint_id)
        names = ("st", "till", "ok", "fs", "fn", "lim")
        found = cast(
            "list[bytes | None]", await self._calls.read(prefix, "HMGET", f"{home}c", *names)
        )
        state, till, ok, since, failures, limit = (one.decode() if one else "" for one in found)
        return Circuit(
            _STATES[state or "c"],
            int(till) if till and state in ("o", "h") else None,
            int(ok) if ok else None,
            int(since) if since else None,
            int(failures or 0),
            int(limit or 2),
        )

    async def drop(self, tenant: Tenant, endpoint_id: str) -> None:
        """Forget the endpoint: its circuit, its log, its replay. Safe to repeat."""
        prefix, home = self._home(tenant, endpoint_id)
        names = [home + name for name in "cfdar"]
        await self._store.insist(lambda: self._store.call(prefix, "UNLINK", *names))

    def _home(self, tenant: Tenant, endpoint_id: str) -> tuple[str, str]:
        prefix = self._store.prefix(self._calls.tag(tenant, queue_of(endpoint_id)))
        return prefix, delivery_keys.endpoint(prefix, tenant, endpoint_id)

    async def _run(
        self, endpoint: Endpoint, script: str, *more: bytes, **args: Argument
    ) -> list[Any]:
        known = self._scripts[script]
        prefix, _ = self._home(endpoint.tenant, endpoint.id)
        given = {"hook": f"{endpoint.tenant}:{endpoint.id}", **args}
        return cast(
            "list[Any]",
            await self._store.insist(lambda: self._store.run(known, prefix, *more, **given)),
        )


def queue_of(endpoint_id: str) -> str:
    """The queue of an endpoint's deliveries."""
    return f"{QUEUE}{endpoint_id}"


def lease_ms(endpoint: Endpoint) -> int:
    """How long one attempt may hold its place and its message."""
    return endpoint.timeout_ms + SLACK_MS
