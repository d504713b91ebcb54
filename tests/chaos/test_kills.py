"""kill -9 of replicas and of their store while executions run: none lost, twice or stuck."""

import json

import pytest

from chaos.rounds import Round, play, size

pytestmark = pytest.mark.chaos


def test_nothing_is_lost_when_processes_are_killed() -> None:
    judged(play(size(), seed=1))


def test_nothing_is_lost_when_processes_with_other_modules_are_killed() -> None:
    judged(play(size(), seed=2, modules=("agents", "workflows,bus")))


def judged(made: Round) -> None:
    """What a round has to show."""
    print(json.dumps(made.figures))  # noqa: T201  # the test's figures
    assert not made.wrong, "\n".join(made.wrong[:20])
    assert made.figures["accepted"] == made.size.executions
