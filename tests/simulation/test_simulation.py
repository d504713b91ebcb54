"""Seeded histories with nothing broken, a replay byte for byte, and every planted bug found.

`SIM_HISTORIES` says how many histories; `ORCHESTRA_TEST_CHAOS=long` makes it 1,000.
"""

import json
import os
from collections.abc import Iterator

import pytest

from simulation.history import WAITS_FROM, run
from simulation.planted import PLANTED, SEEN, planted
from simulation.ports import Wire
from simulation.runs import first_caught, quiet, server, sweep

pytestmark = [pytest.mark.chaos, pytest.mark.hasty]

LONG = os.environ.get("ORCHESTRA_TEST_CHAOS") == "long"
HISTORIES = int(os.environ.get("SIM_HISTORIES", "1000" if LONG else "150"))
FAULT_HISTORIES = 200


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with server() as opened:
        yield opened


@pytest.fixture
def bugs() -> Iterator[list[str]]:
    with quiet() as gathered:
        yield gathered


def test_no_history_breaks_a_promise(wire: Wire, bugs: list[str]) -> None:
    report = sweep(wire, range(HISTORIES), bugs)

    print(json.dumps({"what": "simulation", **report.figures}))  # the test's figures
    told = [f"seed {seed}: {one}" for seed, wrong in report.broken.items() for one in wrong[:5]]
    assert not told, "\n".join(["replay with `python -m simulation 1 SEED` in tests/", *told])


def test_no_history_with_waits_breaks_a_promise(wire: Wire, bugs: list[str]) -> None:
    report = sweep(wire, range(WAITS_FROM, WAITS_FROM + HISTORIES), bugs)

    print(json.dumps({"what": "simulation of waits", **report.figures}))
    told = [f"seed {seed}: {one}" for seed, wrong in report.broken.items() for one in wrong[:5]]
    assert not told, "\n".join(["replay with `python -m simulation 1 SEED` in tests/", *told])


def test_a_seed_replays_byte_for_byte(wire: Wire, bugs: list[str]) -> None:
    first, second = run(7, wire), run(7, wire)

    assert first.trace == second.trace
    assert len(first.trace) > 100


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str, wire: Wire, bugs: list[str]) -> None:
    first = SEEN.get(name, 0)

    with planted(name) as scripts:
        caught = first_caught(wire, range(first, first + FAULT_HISTORIES), scripts, bugs)

    assert caught is not None, f"{name} broke nothing in {FAULT_HISTORIES} histories"
