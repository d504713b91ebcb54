"""What costly looks may cost: a share of the time, whoever asks."""

from orchestra.clock import ManualClock
from orchestra.monitoring.alerts.ration import Ration


def test_many_costly_looks_become_rarer_and_take_a_fifth_of_the_time() -> None:
    clock = ManualClock()
    ration, spent = Ration(clock), 0.0
    for _ in range(720):
        ration.begin()
        clock.advance(5_000)
        for key in range(100):
            if ration.may(key, 10.0):
                began = clock.monotonic()
                clock.advance(200)
                ration.spent(key, began)
                spent += 0.2

    assert spent <= clock.monotonic() * 0.4


def test_each_of_them_has_its_turn() -> None:
    clock = ManualClock()
    ration, looked = Ration(clock), set[int]()
    for _ in range(60):
        ration.begin()
        clock.advance(5_000)
        for key in range(100):
            if ration.may(key, 10.0):
                began = clock.monotonic()
                clock.advance(200)
                ration.spent(key, began)
                looked.add(key)

    assert looked == set(range(100))


def test_what_is_asked_for_no_more_costs_nothing_in_the_end() -> None:
    clock = ManualClock()
    ration = Ration(clock)
    for key in range(50):
        began = clock.monotonic()
        clock.advance(1_000)
        ration.spent(key, began)
    clock.advance(700_000)
    ration.begin()
    began = clock.monotonic()
    ration.spent("new", began)
    clock.advance(11_000)

    assert ration.may("new", 10.0)
