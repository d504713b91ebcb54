"""Each kind of rule on recorded figures in virtual time, and each rule of the product."""

from collections.abc import Mapping

import pytest
from alert_hall import HOUR_MS, TICK_MS, Hall
from msgspec.structs import replace

from orchestra.monitoring.alerts.builtin import PREFIX, built_in
from orchestra.monitoring.metrics.series import INSTALLATION, Letter
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio
WEEK_MS = 7 * 86_400_000


async def test_absence_fires_when_nothing_came_for_a_window_and_not_before_it_could(
    store: Store,
) -> None:
    hall = Hall(store)
    await hall.a_rule(kind="absent", metric="beats", window_s=60)
    early: list[str] = []
    for _ in range(11):
        await hall.tick()
        early += await hall.said()
    await hall.tick(3)
    nothing = await hall.said()
    await hall.record("beats", 1)
    await hall.tick()
    back = await hall.said()
    await hall.tick(20)

    assert early == []
    assert nothing == ["fired"]
    assert back == ["fired", "resolved"]
    assert await hall.said() == ["fired", "resolved", "fired"]


async def test_a_change_is_against_the_same_window_a_while_ago(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(
        kind="change", metric="orders", agg="increase", window_s=300, offset_s=3_600, threshold=2.0
    )
    for _ in range(360):
        hall.clock.advance(10_000)
        await hall.record("orders", 1, "f")
    await hall.tick()
    same = await hall.said()
    for _ in range(31):
        hall.clock.advance(10_000)
        await hall.record("orders", 5, "f")
    await hall.tick()

    assert same == []
    [fired] = await hall.outbox()
    assert fired["type"] == "alert.fired"
    assert fired["value"] == pytest.approx(5, rel=0.1)


async def test_a_burn_rate_needs_both_of_its_windows(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(
        kind="burn_rate", metric="shop", agg="ratio", of=(("ok", "no"),), objective=0.99,
        threshold=10.0,
    )  # fmt: skip
    for _ in range(6 * 60):
        hall.clock.advance(60_000)
        await hall.record("shop", 100, "f", ok="yes")
    for _ in range(30):  # over ten times the budget in this hour, and not in six
        hall.clock.advance(60_000)
        await hall.record("shop", 60, "f", ok="no")
        await hall.record("shop", 40, "f", ok="yes")
    await hall.tick()
    short = await hall.said()
    for _ in range(90):
        hall.clock.advance(60_000)
        await hall.record("shop", 60, "f", ok="no")
        await hall.record("shop", 40, "f", ok="yes")
    await hall.tick()

    assert short == []
    [fired] = await hall.outbox()
    assert 10 < fired["value"] < 60


async def test_an_anomaly_is_what_is_far_off_this_hour_of_the_weeks_before(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(
        kind="anomaly", metric="load", agg="avg", threshold=4.0, window_s=300, min_samples=20
    )
    for week in range(4):
        for _ in range(180):
            hall.clock.advance(10_000)
            await hall.record("load", 100.0 + week)
        hall.clock.advance(WEEK_MS - 180 * 10_000)
    for _ in range(70):
        hall.clock.advance(10_000)
        await hall.record("load", 101.0)
    await hall.tick(2)
    usual = await hall.said()
    for _ in range(75):
        hall.clock.advance(10_000)
        await hall.record("load", 140.0)
        await hall.evaluator.round(hall.token)

    assert usual == []
    assert await hall.said() == ["fired"]


async def test_lines_of_the_log_are_counted(store: Store) -> None:
    hall = Hall(store)
    lines = {"n": 2}

    async def count(tenant: Tenant, query: str, window_s: int, most: int) -> int:
        assert (tenant, query, window_s) == (DEFAULT_TENANT, "level>=error", 60)
        return min(lines["n"], most)

    hall.count = count
    await hall.a_rule(kind="log", metric="", agg=None, query="level>=error", threshold=5.0)
    await hall.tick(3)
    few = await hall.said()
    lines["n"] = 9
    await hall.tick(3)
    lines["n"] = 0
    await hall.tick(3)

    assert few == []
    assert await hall.said() == ["fired", "resolved"]


async def test_windows_longer_than_memory_are_read_from_chunks(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(metric="orders", agg="increase", window_s=6 * 3_600, threshold=500.0)
    for _ in range(5 * 60):
        hall.clock.advance(60_000)
        await hall.record("orders", 2, "f")
    await hall.tick(3)

    [fired] = await hall.outbox()
    assert fired["value"] == pytest.approx(600)


Point = tuple[Letter, float, Mapping[str, str]]
BAD: Mapping[str, tuple[Point, ...]] = {
    "agent_errors": (("c", 5, {"agent": "a", "outcome": "failed"}), ("c", 5, {"agent": "a"})),
    "agent_unhealthy": (("g", 4, {"agent": "a"}),),
    "agent_missing": (("g", 3, {"agent_type": "t"}),),
    "executions_failed": (
        ("c", 2, {"workflow": "w", "outcome": "failed"}),
        ("c", 8, {"workflow": "w", "outcome": "completed"}),
    ),
    "executions_slow": (("h", 9.0, {"workflow": "w"}),),
    "rollback_failed": (("c", 1, {"workflow": "w", "outcome": "undo_failed"}),),
    "queue_waits": (("g", 90, {"queue": "q"}),),
    "dead_letters_grow": (("g", 1, {"queue": "q"}),),
    "dead_letters_full": (("g", 9_000, {"queue": "q"}),),
    "webhook_disabled": (("g", 1, {"state": "disabled"}), ("g", 3, {"state": "active"})),
    "webhook_fails": (("c", 9, {"webhook": "w", "outcome": "refused"}), ("c", 1, {"webhook": "w"})),
    "steps_orphaned": (("g", 2, {}),),
    "store_filling": (("g", 0.85, {}),),
    "store_full": (("g", 0.95, {}),),
    "store_slow": (("h", 0.2, {"profile": "read"}),),
    "loop_lag": (("h", 0.6, {}),),
    "replica_gone": (("g", 1, {}),),
    "durability_low": (("g", 1, {}),),
    "reader_behind": (("c", 1, {"reader": "r"}),),
}
GROWS = frozenset({"dead_letters_grow"})


def test_every_rule_of_the_product_is_tried() -> None:
    assert {one.id.removeprefix(PREFIX) for one in built_in(DEFAULT_TENANT)} == set(BAD)


@pytest.mark.parametrize("name", sorted(BAD))
async def test_a_rule_of_the_product_fires_on_what_it_is_for_and_resolves_once(
    store: Store, name: str
) -> None:
    hall = Hall(store)
    rule = next(one for one in built_in(DEFAULT_TENANT) if one.id == PREFIX + name)
    whose = INSTALLATION if rule.installation else DEFAULT_TENANT
    if rule.kind == "change" and name not in GROWS:
        await _hour_before(hall, rule.metric, rule.offset_s * 1_000)
    steps = (rule.for_s + rule.window_s) // 10 + (42 if name in GROWS else 12)
    for n in range(steps):
        hall.clock.advance(10_000)
        for kind, value, labels in BAD[name]:
            grown = value * n if name in GROWS else value
            if n % 60 or kind == "g" or name == "executions_slow" or rule.agg != "increase":
                await hall.record(rule.metric, grown, kind, whose, **labels)
        await hall.evaluator.round(hall.token)
    fired = await hall.outbox()
    for _ in range((rule.window_s * 2 + rule.keep_firing_s) // 10 + 12):
        hall.clock.advance(10_000)
        await hall.evaluator.round(hall.token)
    said = [one for one in await hall.outbox() if one["rule_id"] == rule.id]

    mine = [one for one in fired if one["rule_id"] == rule.id]
    assert [one["type"] for one in mine] == ["alert.fired"]
    assert mine[0]["severity"] == rule.severity
    assert "${" not in mine[0]["summary"]
    assert [one["type"] for one in said] == ["alert.fired", "alert.resolved"]


async def test_a_rule_of_the_product_can_be_disabled_and_struck_elsewhere(store: Store) -> None:
    hall = Hall(store)
    rules = {one.id: one for one in built_in(DEFAULT_TENANT)}
    full, filling = rules[PREFIX + "store_full"], rules[PREFIX + "store_filling"]
    await hall.rules.change(full, replace(full, enabled=False))
    await hall.rules.change(filling, replace(filling, threshold=0.99, recover=0.9))
    for _ in range(6):
        hall.clock.advance(TICK_MS)
        await hall.record(filling.metric, 0.97, "g", INSTALLATION)
        await hall.evaluator.round(hall.token)

    assert await hall.said() == []


async def _hour_before(hall: Hall, metric: str, ago_ms: int) -> None:
    """An hour of quick ones, as long ago as a change looks back; then that time passes."""
    for _ in range(360):
        hall.clock.advance(10_000)
        await hall.record(metric, 1.0, "h", DEFAULT_TENANT, workflow="w")
    hall.clock.advance(ago_ms - HOUR_MS)
