"""Alerts as they are kept: read for lists, acknowledged, and what was said of them."""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.monitoring.alerts import facts
from orchestra.monitoring.alerts.facts import Facts
from orchestra.monitoring.alerts.records import (
    ID_MAX,
    OPEN,
    Alert,
    AlertNotFiring,
    AlertUnknown,
    State,
)
from orchestra.store import alert_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

FIELDS: Final = (
    "state", "since_ms", "fired_ms", "fires", "value", "flapping", "by", "by_ms", "facts",
)  # fmt: skip
TURN: Final = 500
PAGE: Final = 200
LOOKED_MAX: Final = 2_000


class Kept(msgspec.Struct, frozen=True):
    """An alert, and what it was told with."""

    alert: Alert
    facts: Facts


class Wanted(msgspec.Struct, frozen=True):
    """Which alerts. None: any."""

    state: str | None = None
    severity: str | None = None
    rule: str | None = None

    def has(self, one: Alert) -> bool:
        """Whether it is one of them."""
        match self.state:
            case None:
                fits = True
            case "firing":
                fits = fires(one)
            case "flapping":
                fits = one.flapping
            case state:
                fits = one.state == state
        return fits and self.severity in (None, one.severity) and self.rule in (None, one.rule)


class Alerts:
    """Reads them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._prefix = alert_keys.alerts(store.space)
        self._scripts = load_scripts(__package__ or "")

    async def tenants(self) -> list[Tenant]:
        """Those with alerts that are not ok. Raises StoreAway."""
        found = await self._read("SMEMBERS", alert_keys.active_tenants(self._prefix))
        return [Tenant(one.decode()) for one in cast("list[bytes]", found)]

    async def active(self, tenant: Tenant) -> list[Kept]:
        """All that are not ok, or flap, the longest first. Raises StoreAway."""
        found = await self._read("ZRANGE", alert_keys.active(self._prefix, tenant), 0, -1)
        return await self._each(tenant, [one.decode() for one in cast("list[bytes]", found)])

    async def page(
        self, tenant: Tenant, wanted: Wanted, after: tuple[int, str] | None, limit: int
    ) -> tuple[list[Alert], tuple[int, str] | None]:
        """Some that are not ok, those that began last first, and where to go on. Raises StoreAway.

        Only so many are looked at for one page: it may be short, and yet not the last.
        """
        found: list[Alert] = []
        looked, at, end = 0, after, False
        while looked < LOOKED_MAX and not end:
            rows, end = await self._behind(tenant, at)
            kept = {
                one.alert.id: one.alert for one in await self._each(tenant, [n for _, n in rows])
            }
            for n, at in enumerate(rows, 1):
                one = kept.get(at[1])
                if one is not None and wanted.has(one):
                    found.append(one)
                    if len(found) == limit:
                        return found, None if end and n == len(rows) else at
            looked += len(rows)
        return found, None if end else at

    async def _behind(
        self, tenant: Tenant, after: tuple[int, str] | None
    ) -> tuple[list[tuple[int, str]], bool]:
        """The next ones in the list, by when they left ok; and whether they are the last."""
        key = alert_keys.active(self._prefix, tenant)
        most = after[0] if after else "+inf"
        for offset in range(0, LOOKED_MAX * PAGE, PAGE):
            command = ("ZREVRANGEBYSCORE", key, most, "-inf", "WITHSCORES", "LIMIT", offset, PAGE)
            flat = cast("list[bytes]", await self._read(*command))
            every = zip(flat[::2], flat[1::2], strict=True)
            rows = [(int(score), name.decode()) for name, score in every]
            left = [row for row in rows if after is None or row < after]
            end = len(rows) < PAGE
            if left or end:
                return left, end
        return [], True

    async def firing(self, tenant: Tenant) -> list[Alert]:
        """Those that fire for people, those that began last first; at most 2,000 are looked at."""
        found, _ = await self.page(tenant, Wanted("firing"), None, LOOKED_MAX)
        return found

    async def get(self, tenant: Tenant, alert_id: str) -> Alert:
        """One, also for two days after it was resolved. Raises AlertUnknown, StoreAway."""
        if len(alert_id) <= ID_MAX:
            for one in await self._each(tenant, [alert_id]):
                return one.alert
        raise AlertUnknown("there is no alert of this id")

    async def acknowledge(self, tenant: Tenant, alert_id: str, by: str) -> Alert:
        """Somebody sees to it; '' takes that back. Raises AlertUnknown, AlertNotFiring."""
        before = await self.get(tenant, alert_id)
        now_ms = self._clock.now_ms()
        reply = await self._store.insist(
            lambda: self._store.run(
                self._scripts["alert_acknowledge"],
                self._prefix,
                tenant=tenant,
                alert=before.id,
                now_ms=now_ms,
                by=by,
            )
        )
        told = cast("bytes", reply).decode()
        if told == "none":
            raise AlertUnknown("there is no alert of this id")
        if told != "ok":
            raise AlertNotFiring("only an alert that fires can be acknowledged", state=told)
        return await self.get(tenant, alert_id)

    async def history(
        self, tenant: Tenant, before: str | None, limit: int
    ) -> list[tuple[str, dict[str, Any]]]:
        """What was said, the newest first, by its position. Raises StoreAway."""
        key = alert_keys.history(self._prefix, tenant)
        start = f"({before}" if before else "+"
        found = await self._read("XREVRANGE", key, start, "-", "COUNT", limit)
        said: list[tuple[str, dict[str, Any]]] = []
        for position, flat in cast("list[tuple[bytes, list[bytes]]]", found):
            fields = dict(zip((one.decode() for one in flat[::2]), flat[1::2], strict=True))
            try:
                told = {"type": fields["t"].decode()} | facts.said(fields)
            except facts.UNREADABLE:
                log.exception("alert.history_unreadable", position=position.decode())
                continue
            said.append((position.decode(), told))
        return said

    async def _each(self, tenant: Tenant, ids: Sequence[str]) -> list[Kept]:
        found: list[Kept] = []
        for start in range(0, len(ids), TURN):
            part = ids[start : start + TURN]
            keys = [alert_keys.alert(self._prefix, tenant, one) for one in part]
            sent = [self._read("HMGET", key, *FIELDS) for key in keys]
            for name, reply in zip(part, sent, strict=True):
                values = cast("list[bytes | None]", await reply)
                one = _kept(name, tenant, values) if values[0] is not None else None
                if one is not None:
                    found.append(one)
        return found

    async def _read(self, *command: str | int) -> Any:
        return await self._store.insist(lambda: self._store.read(self._prefix, *command), 2.0)


def _kept(name: str, tenant: Tenant, values: Sequence[bytes | None]) -> Kept | None:
    """None: it cannot be read. One record must not hide the others, or end the evaluator."""
    try:
        return _read(name, tenant, values)
    except facts.UNREADABLE:
        log.exception("alert.unreadable", alert=name)
        return None


def _read(name: str, tenant: Tenant, values: Sequence[bytes | None]) -> Kept:
    state, since, fired, fires, value, flapping, by, by_ms, told = values
    about = facts.DECODER.decode(told or b"{}")
    measured = facts.number(value)
    alert = Alert(
        id=name,
        rule=about.rule,
        tenant=tenant,
        name=about.name,
        labels=about.labels,
        severity=about.severity,
        state=cast("State", (state or b"ok").decode()),
        since_ms=int(since or 0),
        fired_ms=int(fired) if fired else None,
        value=measured,
        episode=int(fires or 0),
        flapping=flapping == b"1",
        acknowledged_by=by.decode() if by else None,
        acknowledged_ms=int(by_ms) if by_ms else None,
        summary=facts.shown(about, measured),
        runbook=about.runbook,
    )
    return Kept(alert, about)


def fires(one: Alert) -> bool:
    """Whether it fires for people."""
    return one.state in OPEN or one.flapping
