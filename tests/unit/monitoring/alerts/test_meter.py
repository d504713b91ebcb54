"""What the alerts of a rule measure: what is read for it, and how often."""

from collections.abc import Mapping

import pytest

from orchestra.clock import ManualClock
from orchestra.monitoring.alerts.judging import Measured, Row
from orchestra.monitoring.alerts.meter import HOUR_S, WEEK_S, WEEKS, Meter
from orchestra.monitoring.alerts.ration import NotLooked
from orchestra.monitoring.alerts.records import Rule
from orchestra.monitoring.alerts.ring import Name
from orchestra.monitoring.metrics.admission import About
from orchestra.monitoring.metrics.functions import Sum
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

WINDOW_S = 300
UNUSUAL = Rule(
    id="alr_1", tenant=DEFAULT_TENANT, name="unusual", kind="anomaly", metric="sold_total",
    agg="increase", window_s=WINDOW_S, threshold=3,
)  # fmt: skip


class Weeks:
    """A metric with 12 an hour, and 9 in this window; so many hours are read in a round."""

    def __init__(self, clock: ManualClock, in_a_round: int) -> None:
        self._clock, self._in_a_round = clock, in_a_round
        self._left = in_a_round
        self.read: list[int] = []
        """Hours of the past: when they ended."""

    def forget(self) -> None: ...

    def heard(self, name: Name) -> bool:
        return bool(name)

    async def prepare(self, wanted: Mapping[Name, int], now_s: int) -> None:
        self._left = self._in_a_round

    async def about(self, name: Name) -> About | None:
        return About("c", "", own=True)

    async def rows(self, name: Name, window_s: int, ago_s: int = 0) -> list[Row]:
        had = Sum()
        if window_s != HOUR_S:
            had.n = 9
            return [({}, had)]
        if not self._left:
            raise NotLooked
        self._left -= 1
        self.read.append(self._clock.now_ms() // 1_000 - ago_s)
        had.n = 12
        return [({}, had)]


async def nothing(tenant: Tenant, query: str, window_s: int, most: int) -> int:
    raise AssertionError((tenant, query, window_s, most))


async def a_round(meter: Meter, clock: ManualClock) -> list[Measured] | None:
    """What is measured; None: not in this round."""
    clock.advance(2_000)
    await meter.begin([UNUSUAL], clock.now_ms())
    try:
        return await meter.measure(UNUSUAL)
    except NotLooked:
        return None


async def test_what_is_usual_is_read_over_as_many_rounds_as_that_takes() -> None:
    clock = ManualClock()
    weeks = Weeks(clock, in_a_round=5)
    meter = Meter(weeks, nothing, clock)

    rounds = [await a_round(meter, clock) for _ in range(4)]

    usual_s = clock.now_ms() // 1_000 // HOUR_S * HOUR_S + HOUR_S
    assert weeks.read == [usual_s - n * WEEK_S for n in range(1, WEEKS + 1)]
    assert rounds == [None, None, *[[Measured({}, 800.0, 9.0)]] * 2]
