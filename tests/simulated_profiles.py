"""Executions that never were: a workflow of steps with random durations, laid out as profiles."""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestra.monitoring.analytics.profiles import Kept, Profile, Row

START_MS = 1_795_000_000_000


@dataclass
class Doing:
    """A step: what it waits for, how long it takes, what it costs, and who does it."""

    after: tuple[str, ...] = ()
    ms: tuple[float, float] = (50.0, 10.0)
    """Mean and standard deviation."""
    kind: str = "agent"
    agents: Mapping[str, int] = field(default_factory=dict[str, int])
    """Millionths of a USD by agent: one of them is drawn."""
    slot_ms: int = 0
    fails: float = 0.0
    """The share of first attempts that are made again."""
    reads: tuple[str, ...] = ()
    timeout_ms: int = 60_000
    branches: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    chance: float = 1.0
    """In so many executions it is reached."""


def executed(
    steps: Mapping[str, Doing], chance: random.Random, at_ms: int = START_MS, **given: Any
) -> Kept:
    """One execution."""
    rows: list[Row] = []
    place: dict[str, int] = {}
    for name, one in steps.items():
        if chance.random() >= one.chance:
            continue
        after = tuple(place[other] for other in one.after if other in place)
        queued = max((rows[i].ended for i in after), default=0)
        started = queued + chance.randrange(4)
        last, attempts = started, 1
        if chance.random() < one.fails:
            last, attempts = started + round(max(1.0, chance.gauss(*one.ms))) + 100, 2
        ended = last + one.slot_ms + round(max(1.0, chance.gauss(*one.ms)))
        agent = chance.choice(list(one.agents)) if one.agents else None
        place[name] = len(rows)
        rows.append(
            Row(
                path=name, opens=False, kind=one.kind, state="completed", queued=queued,
                started=started, ended=ended, after=after, attempts=attempts, last=last,
                slot=one.slot_ms, agent=agent, tokens_in=100 if agent else 0,
                micro=one.agents[agent] if agent else 0, priced=True if agent else None,
                lost_ms=last - started,
            )
        )  # fmt: skip
    duration = max(row.ended for row in rows) + chance.randrange(3)
    fields: dict[str, Any] = {
        "created_ms": at_ms, "duration": duration, "paused": 0, "name": "w", "version": 1,
        "digest": "d1", "outcome": "D", "code": None, "step": None, "cut": False,
        "input_hash": chance.randbytes(8), "rows": tuple(rows),
    }  # fmt: skip
    execution = f"exe_{uuid.UUID(int=chance.getrandbits(128), version=4)}"
    return Kept(execution, at_ms + duration, Profile(**(fields | given)))


def several(
    steps: Mapping[str, Doing], n: int, seed: int, every_ms: int = 60_000, **given: Any
) -> list[Kept]:
    """So many of them, one after the other."""
    chance = random.Random(seed)
    return [executed(steps, chance, START_MS + i * every_ms, **given) for i in range(n)]


def shape_of(steps: Mapping[str, Doing]) -> dict[str, Any]:
    """What a version of the workflow says of its steps."""
    return {
        "name": "w",
        "digest": "d1",
        "steps": [
            {
                "path": name,
                "kind": one.kind,
                "parent": "",
                "depends_on": list(one.after),
                "reads": list(one.reads),
                "auto": False,
                "condition": False,
                "timeout_ms": one.timeout_ms if one.kind == "agent" else None,
                "branches": [
                    {"name": branch, "paths": list(paths)} for branch, paths in one.branches.items()
                ],
            }
            for name, one in steps.items()
        ],
    }
