"""Runs many histories on one store, and says what came of them."""

import contextlib
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from valkey_servers import Valkey, free_port, started

from orchestra.store.scripts import Script
from simulation.history import Outcome, run
from simulation.ports import Wire

BROKEN_MAX = 5


@dataclass
class Report:
    """Figures of a sweep, and the violations of each seed that had some."""

    figures: dict[str, int] = field(default_factory=dict[str, int])
    broken: dict[int, list[str]] = field(default_factory=dict[int, list[str]])


def sweep(wire: Wire, seeds: Iterable[int], bugs: list[str]) -> Report:
    """Run the seeds; stop when `BROKEN_MAX` of them are broken."""
    report, total = Report(), Counter[str]()
    for seed in seeds:
        outcome = judged(seed, wire, bugs)
        total.update(
            histories=1, virtual_s=int(outcome.virtual_s), store_calls=outcome.store_calls,
            agent_calls=outcome.agent_calls,
        )  # fmt: skip
        if outcome.violations:
            report.broken[seed] = outcome.violations
            if len(report.broken) >= BROKEN_MAX:
                break
    report.figures = dict(total)
    return report


def judged(
    seed: int, wire: Wire, bugs: list[str], scripts: Mapping[str, Script] | None = None
) -> Outcome:
    """One history; an error our own code logged counts as a violation."""
    bugs.clear()
    outcome = run(seed, wire, scripts)
    outcome.violations += [f"logged {bug}" for bug in bugs]
    return outcome


def first_caught(
    wire: Wire, seeds: Iterable[int], scripts: Mapping[str, Script], bugs: list[str]
) -> tuple[int, str] | None:
    """The first seed that shows a planted fault, and how; None when none does."""
    for seed in seeds:
        outcome = judged(seed, wire, bugs, scripts)
        if outcome.violations:
            return seed, outcome.violations[0]
    return None


@contextlib.contextmanager
def server() -> Iterator[Wire]:
    """A real server of our own, in memory, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="orc-sim-") as folder:
        path = str(Path(folder) / "s")
        valkey = Valkey(Path(folder), free_port(), "--unixsocket", path, "--appendonly", "no")
        with started(valkey):
            wire = Wire(path)
            try:
                yield wire
            finally:
                wire.close()


@contextlib.contextmanager
def quiet() -> Iterator[list[str]]:
    """No log for the duration, but for errors of our own code: those are gathered."""
    bugs: list[str] = []

    def gather(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        bugs.append(f"{event.get('event')}: {event.get('step', '')} {_cause()}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[gather],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )
    try:
        yield bugs
    finally:
        structlog.configure(**before)


def _cause() -> str:
    return repr(sys.exc_info()[1])
