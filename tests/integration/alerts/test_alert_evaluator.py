"""The evaluator in virtual time: once each, whoever evaluates, and nothing while nobody knows."""

import pytest
from alert_hall import HOUR_MS, TICK_MS, Hall, JumpyClock
from msgspec.structs import replace

from orchestra.errors import OrchestraError
from orchestra.monitoring.alerts.evaluating import Fenced
from orchestra.store.client import Store
from orchestra.store.failures import StoreAway
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio
OTHER = Tenant("other")


async def test_a_breach_fires_within_its_time_and_resolves_once(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(for_s=20, keep_firing_s=10, by=("room",), summary="${labels.room}: ${value}")
    await hall.level(5, room="red")

    began_ms = hall.clock.now_ms()
    await hall.level(50, 7, room="red")
    fired = await hall.outbox()
    await hall.level(5, 6, room="red")

    assert [one["type"] for one in fired] == ["alert.fired"]
    assert fired[0]["at_ms"] - began_ms <= 20_000 + 2 * TICK_MS
    assert (fired[0]["labels"], fired[0]["value"]) == ({"room": "red"}, 50.0)
    assert fired[0]["summary"] == "red: 50"
    assert await hall.said() == ["fired", "resolved"]
    assert await hall.state() == []


async def test_a_value_that_swings_for_an_hour_fires_once_with_recover_and_keep_firing(
    store: Store,
) -> None:
    hall = Hall(store)
    await hall.a_rule(recover=7.0, keep_firing_s=60)

    for _ in range(3_600_000 // TICK_MS // 6):
        await hall.level(11, 3)
        await hall.level(6, 3)

    assert await hall.said() == ["fired"]


async def test_without_them_it_flaps_after_the_fourth_and_one_event_says_so(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule()

    for _ in range(3_600_000 // TICK_MS // 6):
        await hall.level(11, 3)
        await hall.level(6, 3)

    assert await hall.said() == [*["fired", "resolved"] * 4, "flapping"]
    [alert] = await hall.alerts.active(DEFAULT_TENANT)
    assert alert.alert.flapping


async def test_an_heir_goes_on_with_the_time_that_has_passed(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(for_s=30, keep_firing_s=30)
    await hall.level(50, 4)

    hall.evaluator = hall.heir()
    await hall.level(50, 3)
    fired = await hall.said()
    await hall.level(1, 4)
    hall.evaluator = hall.heir()
    await hall.level(1, 3)

    assert fired == ["fired"]
    assert await hall.said() == ["fired", "resolved"]


async def test_a_clock_that_jumps_an_hour_fires_and_ends_nothing_before_its_time(
    store: Store,
) -> None:
    clock = JumpyClock()
    hall = Hall(store, clock)
    await hall.a_rule(for_s=60, keep_firing_s=60)
    await hall.level(50, 7)
    clock.jump(HOUR_MS)
    await hall.level(50, 5)
    assert (await hall.said(), await hall.state()) == ([], ["pending"])  # seen for 55 s
    await hall.level(50)
    assert await hall.said() == ["fired"]

    await hall.level(1, 7)
    clock.jump(HOUR_MS)
    await hall.level(1, 5)
    assert (await hall.said(), await hall.state()) == (["fired"], ["recovering"])
    await hall.level(1)
    assert (await hall.said(), await hall.state()) == (["fired", "resolved"], [])


async def test_a_clock_that_jumps_between_two_evaluators_adds_half_a_minute_at_most(
    store: Store,
) -> None:
    clock = JumpyClock()
    hall = Hall(store, clock)
    await hall.a_rule(for_s=60)
    await hall.level(50, 3)

    clock.jump(HOUR_MS)
    hall.evaluator = hall.heir()
    await hall.level(50, 3)
    assert await hall.state() == ["pending"]  # 10 s, 30 s, twice 5 s
    await hall.level(50, 2)

    assert await hall.said() == ["fired"]


async def test_two_evaluators_at_once_say_each_thing_once(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(for_s=10)
    old, old_token = hall.evaluator, hall.token
    new = hall.heir()

    fenced = 0
    for value in (50, 50, 50, 50, 1, 1, 1):
        await hall.level(value, 0)
        hall.clock.advance(TICK_MS)
        await hall.record("level", value)
        try:
            await old.round(old_token)
        except Fenced:
            fenced += 1
        await new.round(hall.token)

    assert await hall.said() == ["fired", "resolved"]
    assert fenced >= 1


async def test_a_store_that_is_away_changes_nothing(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(no_data="ok")
    await hall.level(50, 2)

    async def away(tenant: Tenant, query: str, window_s: int, most: int) -> int:
        raise StoreAway(f"{tenant} {query} {window_s} {most}")

    await hall.a_rule(kind="log", query="level>=error", metric="", agg=None)
    found, hall.count = hall.count, away
    for _ in range(30):
        hall.clock.advance(TICK_MS)
        with pytest.raises(OrchestraError):
            await hall.evaluator.round(hall.token)
    hall.count = found
    await hall.tick()

    assert await hall.state() == ["firing"]
    assert await hall.said() == ["fired"]


async def test_no_data_is_what_the_rule_says_it_is(store: Store) -> None:
    hall = Hall(store)
    for no_data in ("ok", "alert", "keep"):
        await hall.a_rule(name=no_data, no_data=no_data)
    await hall.level(50, 2)
    await hall.tick(20)

    active = [one.alert.name for one in await hall.alerts.active(DEFAULT_TENANT)]
    assert sorted(active) == ["alert", "keep"]
    assert await hall.said() == [*["fired"] * 3, "resolved"]


async def test_few_samples_are_not_judged(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(metric="calls", agg="ratio", of=(("ok", "no"),), threshold=0.5, min_samples=5)
    for n in range(8):
        hall.clock.advance(TICK_MS)
        await hall.record("calls", 1, "f", ok="no")
        await hall.evaluator.round(hall.token)
        assert await hall.said() == ([] if n < 4 else ["fired"])


async def test_a_rule_that_is_deleted_or_disabled_resolves_its_alerts_once(store: Store) -> None:
    hall = Hall(store)
    gone, off = await hall.a_rule(), await hall.a_rule(name="Off")
    await hall.level(50, 2)

    await hall.rules.remove(gone)
    await hall.rules.change(off, replace(off, enabled=False))
    await hall.level(50, 3)

    said = await hall.outbox()
    assert [one["type"] for one in said] == ["alert.fired"] * 2 + ["alert.resolved"] * 2
    assert {one["reason"] for one in said[2:]} == {"rule_deleted", "rule_disabled"}
    assert await hall.state() == []


async def test_a_rule_that_fails_keeps_its_alerts_and_says_so_once(store: Store) -> None:
    hall = Hall(store)
    rule = await hall.a_rule()
    await hall.level(50, 2)

    changed = await hall.rules.change(rule, replace(rule, agg="p95"))
    await hall.level(50, 3)
    failed = await hall.outbox()
    status = (await hall.rules.statuses(DEFAULT_TENANT))[rule.id]
    await hall.rules.change(changed, replace(rule, agg="max"))
    await hall.level(50, 2)

    assert [one["type"] for one in failed] == ["alert.fired", "alert.rule_failed"]
    assert "is a gauge" in failed[1]["error"]
    assert (status.state, await hall.state()) == ("failed", ["firing"])
    assert (await hall.rules.statuses(DEFAULT_TENANT))[rule.id].state == "ok"


async def test_a_rule_about_nothing_yet_says_no_data_and_works_when_it_comes(store: Store) -> None:
    hall = Hall(store)
    rule = await hall.a_rule(metric="later")
    await hall.tick(3)
    before = (await hall.rules.statuses(DEFAULT_TENANT)).get(rule.id)
    await hall.record("later", 50)
    await hall.tick()

    assert before is None
    assert await hall.said() == ["fired"]


async def test_a_rule_has_an_alert_for_each_of_two_hundred_label_sets(
    store: Store,
) -> None:
    hall = Hall(store)
    rule = await hall.a_rule(by=("room", "seat"), metric="level", agg="last")
    hall.clock.advance(TICK_MS)
    for room in range(2):
        for seat in range(100):
            series = await hall.series(
                "level", "g", {"room": str(room), "seat": str(seat)}, DEFAULT_TENANT
            )
            hall.buffer.add(series, hall.clock.now_ms() // 1_000, 50.0)
    await hall.buffer.flush()
    await hall.tick()

    active = await hall.alerts.active(DEFAULT_TENANT)
    assert len(active) == 200
    assert (await hall.rules.statuses(DEFAULT_TENANT))[rule.id].alerts == 200


async def test_a_tenants_rules_see_nothing_of_another_ones_figures(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(OTHER)
    await hall.level(50, 3)

    assert await hall.said() == []
    await hall.record("level", 50, tenant=OTHER)
    await hall.tick()
    assert [one["tenant"] for one in await hall.outbox()] == ["other"]
    assert await hall.state() == []


async def test_rules_that_take_long_wait_for_the_next_round_and_those_of_others_do_not(
    store: Store,
) -> None:
    hall, asked = Hall(store), list[str]()

    async def slow(tenant: Tenant, query: str, window_s: int, most: int) -> int:
        hall.clock.advance(600)
        asked.append(f"{tenant} {query}")
        return 0

    hall.count = slow
    for n in range(4):
        await hall.a_rule(kind="log", metric="", agg=None, query=f"q{n}")
    await hall.a_rule(Tenant("others"), kind="log", metric="", agg=None, query="theirs")
    await hall.tick()
    first = list(asked)
    await hall.tick()

    assert (len(first), "others theirs" in first) == (3, True)
    assert sorted(asked[3:]) == sorted({f"default q{n}" for n in range(4)} - set(first))
