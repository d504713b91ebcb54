"""kill -9 of replicas and of their store while executions run: none lost, twice or stuck."""

import json

import pytest

from chaos.rounds import play, size

pytestmark = pytest.mark.chaos


def test_nothing_is_lost_when_processes_are_killed() -> None:
    made = play(size(), seed=1)

    print(json.dumps(made.figures))  # noqa: T201  # the test's figures
    assert not made.wrong, "\n".join(made.wrong[:20])
    assert made.figures["accepted"] == made.size.executions
