"""Critical paths: against every path there is."""

import random
from collections.abc import Iterator, Sequence

from orchestra.monitoring.analytics.critical import (
    Span,
    critical_path,
    ordered,
    replayed,
    shares,
)


def executed(chance: random.Random, n: int) -> tuple[list[Span], int]:
    """An execution of a random graph, step by step; its rows in any order."""
    after = {i: [j for j in range(i) if chance.random() < 2 / n] for i in range(n)}
    place = list(range(n))
    chance.shuffle(place)
    spans: list[Span] = [Span(0, 0, 0, ())] * n
    ends: dict[int, int] = {}
    for i in range(n):
        ready = max((ends[j] for j in after[i]), default=0)
        started = ready + (chance.randrange(40) if chance.random() < 0.5 else 0)
        ends[i] = started + chance.randrange(1, 200)
        spans[place[i]] = Span(ready, started, ends[i], tuple(place[j] for j in after[i]))
    return spans, max(ends.values()) + chance.randrange(10)


def every_path(spans: Sequence[Span], at: int) -> Iterator[list[int]]:
    """All ways from a row without dependencies to `at`."""
    if not spans[at].after:
        yield [at]
    for before in spans[at].after:
        for path in every_path(spans, before):
            yield [*path, at]


def weight(spans: Sequence[Span], path: Sequence[int]) -> int:
    """Waiting and running on a path."""
    return sum((spans[i].ended or 0) - spans[i].queued for i in path)


def test_a_thousand_random_executions_have_the_path_that_brute_force_finds() -> None:
    chance = random.Random(20_261_123)
    several = 0
    for _ in range(1_000):
        spans, _ = executed(chance, chance.randrange(1, 13))
        every = [path for i in range(len(spans)) for path in every_path(spans, i)]
        most = max(weight(spans, path) for path in every)
        best = [path for path in every if weight(spans, path) == most]
        several += len(every) > 5

        found = critical_path(spans)

        assert found in best
        assert weight(spans, found) == most == max(one.ended or 0 for one in spans)
    assert several > 500


def test_shares_are_of_the_whole_duration() -> None:
    spans = [Span(0, 0, 40, ()), Span(0, 10, 20, ()), Span(40, 50, 90, (0, 1))]

    found = shares(spans, 100)

    assert found == {0: 0.4, 2: 0.5}
    assert shares(spans, 0) == {}


def test_what_was_given_up_is_on_no_path() -> None:
    spans = [Span(0, 0, 40, ()), Span(0, 0, None, ()), Span(40, 40, 50, (0, 1))]

    assert critical_path(spans) == [0, 2]
    assert critical_path([Span(0, 0, None, ())]) == []
    assert critical_path([]) == []


def test_rows_in_a_circle_end_the_way_back() -> None:
    """Nothing makes such rows; damaged ones must not hang anybody."""
    spans = [Span(0, 0, 10, (1,)), Span(10, 10, 20, (0,))]

    assert critical_path(spans) == [0, 1]
    assert sorted(ordered(spans)) == [0, 1]


def test_an_execution_laid_out_again_unchanged_takes_as_long() -> None:
    chance = random.Random(5)
    for _ in range(300):
        spans, duration = executed(chance, chance.randrange(1, 15))
        assert replayed(spans, duration, {}) == duration


def test_a_step_that_ran_longer_or_not_at_all_moves_what_follows() -> None:
    chance = random.Random(6)
    for _ in range(300):
        seed, n = chance.random(), chance.randrange(2, 12)
        which, ran = chance.randrange(n), chance.randrange(400)
        spans, duration = executed(random.Random(seed), n)
        took = {which: spans[which].waited + ran}

        expected = laid_out(spans, {which: ran}) + duration - max(one.ended or 0 for one in spans)

        assert replayed(spans, duration, took) == expected


def laid_out(spans: Sequence[Span], ran: dict[int, int]) -> int:
    """When the last row ends: by repeating until nothing moves any more."""
    ends = [0] * len(spans)
    for _ in spans:
        for i, one in enumerate(spans):
            ready = max((ends[j] for j in one.after), default=0)
            ends[i] = ready + one.waited + ran.get(i, one.ran)
    return max(ends)


def test_rows_are_behind_those_they_waited_for() -> None:
    chance = random.Random(8)
    for _ in range(100):
        spans, _ = executed(chance, 12)
        place = {row: i for i, row in enumerate(ordered(spans))}
        assert len(place) == len(spans)
        assert all(place[j] < place[i] for i, one in enumerate(spans) for j in one.after)
