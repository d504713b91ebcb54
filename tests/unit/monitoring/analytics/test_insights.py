"""What is planted is found, and what it would save is what a run without it shows."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from simulated_profiles import Doing, executed, several, shape_of

from orchestra.monitoring.analytics.comparing import compared
from orchestra.monitoring.analytics.insights import Judged, ranked
from orchestra.monitoring.analytics.judging import Case, Finding, judged, then
from orchestra.monitoring.analytics.profiles import DAY_MS
from orchestra.monitoring.analytics.reordering import reordered

Steps = Mapping[str, Doing]


def findings(case: Case) -> list[Finding]:
    """All of a case."""
    return [*judged(case), *reordered(case), *compared(case)]


def first(case: Case) -> Finding:
    """The insight with the largest saving."""
    found = findings(case)
    durations = sum(one.profile.duration for one in case.kept)
    micro = sum(one.profile.micro for one in case.kept)
    shown = ranked([Judged("wfl_1", "w", found, durations, micro / 1e6, len(case.kept))], "30d")
    return next(one for one in found if one.text == shown[0].text)


def mean_ms(steps: Steps, seed: int) -> float:
    """Of a run of its own."""
    ran = several(steps, 300, seed)
    return sum(one.profile.duration for one in ran) / len(ran)


def a_graph(chance: random.Random) -> dict[str, Doing]:
    """Seven steps that wait for some of those before them."""
    names = "abcdefg"
    return {
        name: Doing(
            after=tuple(other for other in names[:i] if chance.random() < 0.45),
            ms=(chance.uniform(20, 80), 8.0),
        )
        for i, name in enumerate(names)
    }


@pytest.mark.parametrize("seed", range(10))
def test_a_planted_slow_step_is_the_first_insight_and_its_saving_comes_true(seed: int) -> None:
    chance = random.Random(seed)
    steps = a_graph(chance)
    planted = chance.choice("abcdefg")
    steps[planted] = replace(steps[planted], ms=(chance.uniform(400, 900), 60.0))
    without = {name: replace(one, ms=(0.0, 0.0)) if name == planted else one
               for name, one in steps.items()}  # fmt: skip

    case = Case(several(steps, 400, seed + 1_000), shape_of(steps))
    found = first(case)

    assert (found.kind, found.step) == ("bottleneck", planted)
    assert found.ms is not None
    came_true = mean_ms(steps, seed + 2_000) - mean_ms(without, seed + 3_000)
    assert found.ms == pytest.approx(came_true, rel=0.1)


@pytest.mark.parametrize("scale", [0.0, 0.25, 0.5, 2.0])
def test_what_if_a_step_took_another_time_is_what_a_run_shows(scale: float) -> None:
    steps = a_graph(random.Random(3)) | {"slow": Doing(("a",), (300.0, 20.0))}
    scaled = steps | {"slow": Doing(("a",), (300.0 * scale, 20.0 * scale))}

    durations = then(Case(several(steps, 400, 1)), "slow", scale)

    assert sum(durations) / len(durations) == pytest.approx(mean_ms(scaled, 2), rel=0.05)


def test_few_executions_say_nothing_of_times() -> None:
    steps = {"a": Doing(ms=(500.0, 1.0))}

    assert findings(Case(several(steps, 9, 1), shape_of(steps))) == []


def test_steps_in_sequence_that_need_not_be_are_found_and_their_saving_comes_true() -> None:
    steps = {
        "a": Doing(ms=(100.0, 5.0)),
        "b": Doing(("a",), (200.0, 10.0), reads=("a",)),
        "c": Doing(("b",), (180.0, 10.0), reads=("a",)),
        "d": Doing(("c",), (50.0, 5.0), reads=("b", "c")),
    }
    beside = steps | {"c": Doing(("a",), (180.0, 10.0)), "d": Doing(("b", "c"), (50.0, 5.0))}

    found = list(reordered(Case(several(steps, 300, 1), shape_of(steps))))

    assert [(one.step, one.evidence["waits_for"]) for one in found] == [("c", "b")]
    assert found[0].ms == pytest.approx(mean_ms(steps, 2) - mean_ms(beside, 3), rel=0.1)


def test_a_step_that_reads_another_by_name_stays_behind_it() -> None:
    steps = {"a": Doing(), "b": Doing(("a",))}
    kept = several(steps, 50, 1)

    assert [one.step for one in reordered(Case(kept, shape_of(steps)))] == ["b"]
    assert list(reordered(Case(kept, shape_of(steps), {"b": ["a"]}))) == []


@pytest.mark.parametrize("kind", ["set", "emit", "wait"])
def test_steps_whose_place_others_see_stay_where_they_are(kind: str) -> None:
    steps = {"a": Doing(kind=kind), "b": Doing(("a",)), "c": Doing(("b",), kind=kind)}

    assert list(reordered(Case(several(steps, 50, 1), shape_of(steps)))) == []


def test_waiting_for_more_than_half_of_a_step_is_found() -> None:
    steps = {"a": Doing(ms=(40.0, 5.0), slot_ms=160), "b": Doing(("a",), (60.0, 5.0))}
    unhindered = steps | {"a": Doing(ms=(40.0, 5.0))}

    [found] = [one for one in judged(Case(several(steps, 200, 1))) if one.kind == "waiting"]

    assert found.step == "a"
    assert found.ms == pytest.approx(mean_ms(steps, 2) - mean_ms(unhindered, 3), rel=0.1)


def test_what_retries_waste_is_found() -> None:
    steps = {"a": Doing(ms=(100.0, 5.0), fails=0.3), "b": Doing(("a",), (60.0, 5.0))}
    sound = steps | {"a": Doing(ms=(100.0, 5.0))}

    [found] = [one for one in judged(Case(several(steps, 300, 1))) if one.kind == "retries"]

    assert found.step == "a"
    assert found.ms == pytest.approx(mean_ms(steps, 2) - mean_ms(sound, 3), rel=0.25)


@pytest.mark.parametrize(("timeout_ms", "told"), [(11_000, "late"), (1_100, "hardly")])
def test_timeouts_that_do_not_fit_are_found(timeout_ms: int, told: str) -> None:
    steps = {"a": Doing(ms=(1_000.0, 5.0), timeout_ms=timeout_ms)}

    [found] = [
        one
        for one in compared(Case(several(steps, 60, 1), shape_of(steps)))
        if one.kind == "timeout"
    ]

    assert told in found.text


def test_a_timeout_that_fits_is_nothing_to_tell() -> None:
    steps = {"a": Doing(ms=(1_000.0, 5.0), timeout_ms=4_000)}

    assert list(compared(Case(several(steps, 60, 1), shape_of(steps)))) == []


def test_a_cheaper_agent_with_equal_success_is_found() -> None:
    steps = {"a": Doing(agents={"dear": 4_000, "cheap": 1_000}, timeout_ms=400)}

    [found] = compared(Case(several(steps, 200, 1), shape_of(steps)))

    assert found.kind == "cheaper_agent"
    assert found.evidence["agent"] == "cheap"
    dear = found.evidence["tasks_instead_of"]
    assert found.usd == pytest.approx(0.003 * dear / 200)


def test_inputs_that_come_again_are_found() -> None:
    steps = {"a": Doing(ms=(100.0, 5.0), timeout_ms=400)}
    chance = random.Random(1)
    kept = [executed(steps, chance, input_hash=bytes([i % 30])) for i in range(100)]

    [found] = compared(Case(kept, shape_of(steps)))

    assert found.kind == "same_input"
    assert found.evidence == {"share": 0.7, "executions": 100, "inputs": 30}
    assert found.ms == pytest.approx(70, rel=0.1)


def test_no_input_is_not_the_same_input() -> None:
    steps = {"a": Doing(timeout_ms=400)}

    assert list(compared(Case(several(steps, 100, 1, input_hash=b""), shape_of(steps)))) == []


def test_a_version_that_is_worse_than_the_last_is_found() -> None:
    old, new = ({"a": Doing(ms=(ms, 5.0), timeout_ms=400)} for ms in (100.0, 150.0))
    kept = [*several(old, 60, 1), *several(new, 60, 2, version=2)]

    [found] = compared(Case(kept, shape_of(new)))

    assert found.kind == "version"
    assert (found.evidence["version"], found.evidence["before"]) == (2, 1)
    assert found.ms == pytest.approx(50, rel=0.1)


def test_a_branch_that_nobody_took_in_thirty_days_is_found() -> None:
    branches = {"small": ["choose/s"], "large": ["choose/l"]}
    steps = {"choose": Doing(kind="switch", branches=branches), "choose/s": Doing(("choose",))}
    shape = shape_of(steps)

    month = several(steps, 60, 1, every_ms=DAY_MS // 2)
    [found] = [one for one in compared(Case(month, shape)) if one.kind == "unused_branch"]
    week = several(steps, 60, 1, every_ms=DAY_MS // 8)

    assert found.evidence == {"branch": "large", "executions": 60}
    assert [one for one in compared(Case(week, shape)) if one.kind == "unused_branch"] == []


def test_executions_that_cost_far_more_are_found() -> None:
    usual = {"a": Doing(agents={"m": 1_000}, timeout_ms=400)}
    dear = {"a": Doing(agents={"m": 90_000}, timeout_ms=400)}
    kept = [*several(usual, 98, 1), *several(dear, 2, 2)]

    [found] = compared(Case(kept, shape_of(usual)))

    assert found.kind == "cost_outliers"
    assert found.evidence["outliers"] == 2
    assert found.execution in {one.execution for one in kept[-2:]}
    assert found.usd == pytest.approx(2 * 0.089 / 100)


def test_at_most_twenty_insights_are_told() -> None:
    found = [Finding("timeout", str(i), str(i), {}, ms=float(i)) for i in range(50)]

    shown = ranked([Judged("wfl_1", "w", found, 1_000.0, 0.0, 10)], "30d")

    assert [one.saves.ms for one in shown] == [float(i) for i in range(49, 29, -1)]
    assert len({one.id for one in shown}) == 20
