"""How long was looked: what the steady clock says bounds what the other one does."""

from orchestra.monitoring.alerts.looks import GAP_MS, Looks
from orchestra.monitoring.alerts.records import Rule
from orchestra.store.keys import DEFAULT_TENANT

RULE = Rule(id="alr_1", tenant=DEFAULT_TENANT, name="Level", window_s=60)
OTHER = Rule(id="alr_2", tenant=DEFAULT_TENANT, name="Other", window_s=60)


def test_no_more_time_has_passed_than_by_the_steady_clock() -> None:
    looks = Looks()
    looks.take_over(995_000, 1_000_000, 10.0)
    looks.begin(1_000_000, 10.0)
    first = looks.at(RULE)
    looks.end([RULE, OTHER])
    looks.begin(9_000_000, 12.5)
    jumped = looks.at(RULE)
    late = looks.at(OTHER)
    looks.end([OTHER])
    looks.begin(9_002_000, 14.5)

    assert (first.settled, first.most_ms) == (True, GAP_MS + 1)
    assert (jumped.settled, jumped.most_ms) == (False, 2_501)
    assert late.most_ms == GAP_MS + 2_501
    assert looks.at(OTHER).most_ms == 2_001
    assert looks.at(RULE).most_ms > GAP_MS  # it was forgotten


def test_a_clock_that_is_set_back_leaves_no_less_than_nothing() -> None:
    looks = Looks()
    looks.take_over(None, 1_000_000, 10.0)
    looks.begin(1_000_000, 10.0)
    assert not looks.at(RULE).settled
    looks.begin(100, 9.0)

    assert looks.at(RULE).most_ms == 1
