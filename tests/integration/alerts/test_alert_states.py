"""The table of states: the script against its model, fencing, repeats, and what is left behind."""

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra.monitoring.alerts.records import Verdict
from orchestra.monitoring.alerts.states import Standing, moved
from orchestra.store import alert_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.scripts import load_scripts

pytestmark = pytest.mark.anyio

MOVE = load_scripts("orchestra.monitoring.alerts")["alert_move"]
FACTS = b'{"rule":"alr_1","name":"n","labels":{},"severity":"warning"}'
NO_BOUND_MS = 10**12
VERDICTS: tuple[Verdict, ...] = ("breach", "breach", "hold", "clear", "clear", "keep", "gone")


class Alert:
    """One alert, evaluated every ten seconds unless told otherwise."""

    def __init__(self, store: Store, name: str = "alr_1.a") -> None:
        self.store, self.name = store, name
        self.prefix = alert_keys.alerts(store.space)
        self.now_ms = 1_000_000

    async def is_(
        self, verdict: str, *, token: int = 7, after_ms: int = 10_000, for_ms: int = 20_000,
        keep_ms: int = 20_000, most_ms: int = NO_BOUND_MS,
    ) -> str:  # fmt: skip
        """The state behind an evaluation."""
        self.now_ms += after_ms
        reply = await self.store.run(
            MOVE, self.prefix, token=token, tenant=DEFAULT_TENANT, alert=self.name,
            now_ms=self.now_ms, most_ms=most_ms, verdict=verdict, value="1", for_ms=for_ms,
            keep_ms=keep_ms, facts=FACTS,
        )  # fmt: skip
        return reply.decode()

    async def said(self) -> list[str]:
        """Types of the outbox, in order, of this alert."""
        key = alert_keys.outbox(self.prefix)
        found = await self.store.read(self.prefix, "XRANGE", key, "-", "+")
        rows = [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in found]
        return [row[b"t"].decode() for row in rows if row[b"a"].decode() == self.name]


Steps = st.lists(
    st.tuples(
        st.sampled_from(VERDICTS), st.sampled_from([0, 5_000, 10_000, 400_000, 1_800_000, -5_000])
    ),
    max_size=60,
)


async def test_the_script_does_what_the_table_says_whatever_comes(store: Store) -> None:
    counted = 0

    async def check(
        steps: list[tuple[Verdict, int]], for_ms: int, keep_ms: int, most_ms: int
    ) -> None:
        nonlocal counted
        counted += 1
        alert, model = Alert(store, f"alr_1.{counted}"), Standing()
        told: list[str] = []
        for verdict, after_ms in steps:
            bounds = {"for_ms": for_ms, "keep_ms": keep_ms, "most_ms": most_ms}
            state = await alert.is_(verdict, after_ms=after_ms, **bounds)
            model, said = moved(model, verdict, alert.now_ms, **bounds)
            told += [said] if said else []
            assert state == model.state + ("*" if model.flapping else "")
            again = await alert.is_(verdict, after_ms=0, **bounds)
            model, said = moved(model, verdict, alert.now_ms, **bounds)
            told += [said] if said else []
            assert again == model.state + ("*" if model.flapping else "")
        assert await alert.said() == told
        opened = sum(1 for one in told if one in ("alert.fired", "alert.flapping"))
        assert told.count("alert.resolved") <= opened

    loop = anyio.from_thread.run

    @settings(
        max_examples=60, deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(
        Steps, st.sampled_from([0, 5_000, 20_000]), st.sampled_from([0, 5_000, 20_000]),
        st.sampled_from([4_000, NO_BOUND_MS]),
    )  # fmt: skip
    def every(steps: list[tuple[Verdict, int]], for_ms: int, keep_ms: int, most_ms: int) -> None:
        loop(check, steps, for_ms, keep_ms, most_ms)

    await anyio.to_thread.run_sync(every)

    assert counted >= 60


async def test_it_fires_once_and_resolves_once_whatever_the_value_does_between(
    store: Store,
) -> None:
    alert = Alert(store)
    verdicts = {"b": "breach", "h": "hold", "c": "clear"}

    states = [await alert.is_(verdicts[letter]) for letter in "cbbbhbchcccb"]

    assert " ".join(states) == (
        "ok pending pending firing firing firing recovering firing recovering recovering ok pending"
    )
    assert await alert.said() == ["alert.fired", "alert.resolved"]


async def test_an_old_evaluator_is_refused_once_a_new_one_has_written(store: Store) -> None:
    alert = Alert(store)
    await alert.is_("breach", token=7)
    await alert.is_("breach", token=8)

    assert await alert.is_("clear", token=7) == "fenced"
    assert await alert.is_("breach", token=8) == "firing"


async def test_a_late_evaluation_changes_nothing(store: Store) -> None:
    alert = Alert(store)
    for _ in range(3):
        await alert.is_("breach")

    assert await alert.is_("clear", after_ms=-20_000) == "firing"
    assert await alert.said() == ["alert.fired"]


async def test_the_fifth_firing_in_half_an_hour_is_flapping_and_then_it_is_quiet(
    store: Store,
) -> None:
    alert = Alert(store)
    for _ in range(9):
        await alert.is_("breach", for_ms=0, keep_ms=0)
        await alert.is_("clear", for_ms=0, keep_ms=0)
    meanwhile = await alert.said()

    calm = [await alert.is_("clear", after_ms=600_000) for _ in range(4)]

    assert meanwhile == [*["alert.fired", "alert.resolved"] * 4, "alert.flapping"]
    assert calm == ["ok*", "ok*", "ok", "ok"]
    assert await alert.said() == [*meanwhile, "alert.resolved"]


async def test_firings_are_counted_over_any_half_hour_not_from_the_first(store: Store) -> None:
    alert = Alert(store)
    for after_ms in (10_000, 1_500_000, 60_000, 60_000, 60_000):
        await alert.is_("breach", after_ms=after_ms, for_ms=0, keep_ms=0)
        await alert.is_("clear", for_ms=0, keep_ms=0)
    before = await alert.said()
    await alert.is_("breach", after_ms=200_000, for_ms=0, keep_ms=0)

    assert before.count("alert.flapping") == 1
    assert before.index("alert.flapping") == 8


async def test_a_short_breach_leaves_nothing_behind(store: Store) -> None:
    alert = Alert(store)
    await alert.is_("breach")
    assert await alert.is_("hold") == "ok"

    prefix = alert.prefix
    keys = [
        alert_keys.alert(prefix, DEFAULT_TENANT, alert.name),
        alert_keys.active(prefix, DEFAULT_TENANT),
        alert_keys.active_tenants(prefix),
        alert_keys.outbox(prefix),
        alert_keys.history(prefix, DEFAULT_TENANT),
    ]
    assert await store.read(prefix, "EXISTS", *keys) == 0


async def test_a_resolved_alert_is_kept_for_two_days_so_that_no_episode_comes_twice(
    store: Store,
) -> None:
    alert = Alert(store)
    await alert.is_("breach", for_ms=0)
    key = alert_keys.alert(alert.prefix, DEFAULT_TENANT, alert.name)
    open_ttl = await store.read(alert.prefix, "PTTL", key)
    await alert.is_("clear", for_ms=0, keep_ms=0)

    assert open_ttl == -1
    assert await store.read(alert.prefix, "PTTL", key) > 40 * 3_600_000
    assert await store.read(alert.prefix, "HGET", key, "fires") == b"1"
