"""Alerts in virtual time on a real store: rules, figures, and an evaluator that is told to look."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from orchestra.clock import Ids, ManualClock, system_random
from orchestra.monitoring.alerts import facts
from orchestra.monitoring.alerts.evaluating import Evaluator
from orchestra.monitoring.alerts.facts import AlertSource
from orchestra.monitoring.alerts.keeping import Alerts
from orchestra.monitoring.alerts.meter import Count, Meter
from orchestra.monitoring.alerts.picture import Picture
from orchestra.monitoring.alerts.records import Rule
from orchestra.monitoring.alerts.ring import Ring
from orchestra.monitoring.alerts.rules import Rules
from orchestra.monitoring.alerts.windows import Windows
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.leading import Leading
from orchestra.monitoring.metrics.series import Letter, Series, series_of
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.store import alert_keys, metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

TICK_MS = 5_000
HOUR_MS = 3_600_000
START_MS = 1_795_000_000_000 // HOUR_MS * HOUR_MS + 1_000


async def no_lines(tenant: Tenant, query: str, window_s: int, most: int) -> int:
    """A log with nothing in it."""
    assert tenant
    assert query is not None
    assert window_s <= most * 1_000
    return 0


class JumpyClock(ManualClock):
    """The wall clock can be set; what has really passed is not changed by that."""

    def __init__(self) -> None:
        super().__init__(START_MS)
        self._jumped_ms = 0

    def monotonic(self) -> float:
        """Seconds since it was made, without the jumps."""
        return super().monotonic() - self._jumped_ms / 1_000

    def jump(self, ms: int) -> None:
        """Somebody sets it forward."""
        self.advance(ms)
        self._jumped_ms += ms


class Hall:
    """One store, one clock; evaluators come and go."""

    def __init__(self, store: Store, clock: ManualClock | None = None) -> None:
        self.store, self.clock = store, clock or ManualClock(START_MS)
        self.ids = Ids(self.clock, system_random())
        self.admission = Admission(store, self.clock)
        self.answers = Answers(self.admission, Shelf(store), self.clock)
        self.session = self.ids.new("t")
        self.buffer = Buffer(store, self.session)
        self.rules = Rules(store, self.clock)
        self.alerts = Alerts(store, self.clock)
        self.count: Count = no_lines
        self.token = 0
        self.evaluator = self.heir()

    def heir(self) -> Evaluator:
        """Another evaluator, which knows nothing yet; it has the newest token."""
        self.token += 1
        ring = Ring(self.store, self.admission)
        windows = Windows(self.answers, ring, self.clock)
        meter = Meter(windows, self._counted, self.clock)
        picture = Picture(self.rules, self.alerts, self.admission.tenants)
        leading = Leading(self.store, self.clock, self.ids.new("s"))
        return Evaluator(self.store, self.clock, leading, meter, picture)

    async def _counted(self, tenant: Tenant, query: str, window_s: int, most: int) -> int:
        return await self.count(tenant, query, window_s, most)

    async def a_rule(self, tenant: Tenant = DEFAULT_TENANT, **given: Any) -> Rule:
        """A rule about the gauge `level`, over 10."""
        fields: dict[str, Any] = {
            "name": "Level", "metric": "level", "agg": "last", "threshold": 10.0, "window_s": 60,
            "keep_firing_s": 0,
        } | given  # fmt: skip
        fields.setdefault("recover", fields["threshold"])
        rule = Rule(id=self.ids.new("alr"), tenant=tenant, created_ms=self.clock.now_ms(), **fields)
        return await self.rules.create(rule)

    async def series(
        self, name: str, kind: Letter, labels: Mapping[str, str], tenant: Tenant, unit: str = ""
    ) -> Series:
        """One series, admitted."""
        made = series_of(tenant, name, kind, unit, labels)
        if not self.admission.known(made):
            assert await self.admission.admit([made]) == [None]
        return made

    async def record(
        self, name: str, value: float, kind: Letter = "g", tenant: Tenant = DEFAULT_TENANT,
        **labels: str,
    ) -> None:  # fmt: skip
        """A value, now."""
        series = await self.series(name, kind, labels, tenant)
        # A replica tells how it is: by that its gauges are found.
        mon = metric_keys.monitoring(self.store.space)
        await self.store.call(mon, "HSET", metric_keys.services(mon), self.session, "{}")
        self.buffer.add(series, self.clock.now_ms() // 1_000, value)
        await self.buffer.flush()

    async def tick(self, times: int = 1) -> None:
        """Five seconds later somebody looks."""
        for _ in range(times):
            self.clock.advance(TICK_MS)
            await self.evaluator.round(self.token)

    async def level(self, value: float, times: int = 1, **labels: str) -> None:
        """The level is so much now, and somebody looks; so often."""
        for _ in range(times):
            self.clock.advance(TICK_MS)
            await self.record("level", value, "g", DEFAULT_TENANT, **labels)
            await self.evaluator.round(self.token)

    async def outbox(self) -> list[dict[str, Any]]:
        """All that was said, as events tell it."""
        prefix = alert_keys.alerts(self.store.space)
        key = alert_keys.outbox(prefix)
        found = await self.store.read(prefix, "XRANGE", key, "-", "+")
        source = AlertSource(self.store)
        said: list[dict[str, Any]] = []
        for position, flat in cast("list[tuple[bytes, list[bytes]]]", found):
            fields = dict(zip((one.decode() for one in flat[::2]), flat[1::2], strict=True))
            event = source.event(key, position.decode(), fields)
            assert event is not None
            assert event.type in facts.TYPES
            data = msgspec.json.decode(event.data, type=dict[str, Any])
            said.append({"type": event.type, "tenant": event.tenant} | data)
        return said

    async def said(self) -> list[str]:
        """What kinds of things were said, without the family's name."""
        return [one["type"].removeprefix("alert.") for one in await self.outbox()]

    async def state(self, tenant: Tenant = DEFAULT_TENANT) -> list[str]:
        """The states of the alerts that are not ok."""
        return [one.alert.state for one in await self.alerts.active(tenant)]
