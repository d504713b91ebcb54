"""What is measured: workflows, how often they are executed, how many at once."""

from dataclasses import dataclass, replace
from typing import Any

from bench.ceiling import Shape, fan, sequence

Steps = list[dict[str, Any]]
CEILING_STEPS = 6_000


@dataclass(frozen=True)
class Scenario:
    """One line of the results."""

    name: str
    what: str
    steps: Steps
    executions: int
    concurrency: int
    shape: Shape
    warm_up: int = 50

    @property
    def definition(self) -> dict[str, Any]:
        """The workflow."""
        return {"name": f"bench-{self.name.lower()}", "steps": self.steps}

    @property
    def ceiling_executions(self) -> int:
        """Enough of them for a figure that holds, and no more than are measured of short ones."""
        return max(self.executions, CEILING_STEPS // len(self.steps))

    def quick(self) -> "Scenario":
        """A tenth of it: to see that it works, not to quote."""
        return replace(self, executions=max(5, self.executions // 10), warm_up=5)


def _noop(i: int) -> dict[str, Any]:
    return {"id": f"s{i}", "type": "transform", "input_data": {"n": i}}


def _call(i: int, agent_type: str, task: str, **more: Any) -> dict[str, Any]:
    return {"id": f"s{i}", "agent_type": agent_type, "task_type": task, **more}


def _fan(width: int) -> Steps:
    names = [f"m{i}" for i in range(width)]
    middle = [
        {"id": name, "type": "transform", "depends_on": ["start"], "input_data": {"n": i}}
        for i, name in enumerate(names)
    ]
    start = {"id": "start", "type": "transform", "input_data": {"n": 0}}
    join = {"id": "join", "type": "transform", "depends_on": names, "input_data": {"n": 1}}
    return [start, *middle, join]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "W1",
            "3 sequential no-op steps, 50 at a time",
            [_noop(i) for i in range(3)],
            2_000,
            50,
            sequence(3),
        ),
        Scenario(
            "W1a",
            "as W1, each step a call of a no-op agent in the process",
            [_call(i, "idler", "noop") for i in range(3)],
            2_000,
            50,
            sequence(3),
        ),
        Scenario(
            "W2",
            "10 sequential no-op steps, one at a time",
            [_noop(i) for i in range(10)],
            100,
            1,
            sequence(10),
            10,
        ),
        Scenario("W3", "a fan-out of 100 and a join, one at a time", _fan(100), 20, 1, fan(100), 3),
        Scenario(
            "W4",
            "one step that waits 1 s, all at once",
            [_call(0, "sleeper", "sleep", input_data={"seconds": 1})],
            1_000,
            1_000,
            sequence(1),
            5,
        ),
    )
}
