"""kill -9 of readers and publishers, again and again, while three consumers read every event.

In short 6,000 events; `ORCHESTRA_TEST_CHAOS=long` (`make chaos-events`): 100,000.
"""

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from store_server import StoreServer

from orchestra.bus.readers.frontier import FLUSH

pytestmark = pytest.mark.chaos

LONG = os.environ.get("ORCHESTRA_TEST_CHAOS") == "long"
EVENTS, PER_S, KILLS = (100_000, 1_500, 60) if LONG else (6_000, 1_000, 6)
CONSUMERS, READERS, PUBLISHERS = 3, 3, 2
BACK_S = 60.0  # the figure is printed; on a busy machine a process takes seconds to start
IN_FLIGHT = 64
WAIT_S = 900 if LONG else 300
PROGRAM = Path(__file__).parents[1] / "durable_process.py"


@dataclass
class Said:
    """What processes wrote to one file, read as it grows."""

    place: Path
    lines: list[tuple[str, int, str, float]] = field(
        default_factory=list[tuple[str, int, str, float]]
    )
    seen: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    first: list[tuple[str, int, str, float]] = field(
        default_factory=list[tuple[str, int, str, float]]
    )
    up: set[int] = field(default_factory=set[int])
    last: int = 0
    """Who has handled the last one."""
    _at: int = 0

    def look(self) -> None:
        """Read on."""
        with self.place.open("rb") as file:
            file.seek(self._at)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.decode().splitlines():
            name, n, key, at, pid = line.split()
            if name == "up":
                self.up.add(int(pid))
                continue
            self.last = int(pid)
            self.lines.append((name, int(n), key, float(at)))
            known = self.seen.setdefault(name, set())
            if int(n) not in known:
                known.add(int(n))
                self.first.append(self.lines[-1])

    def wait(self, count: int, names: int) -> None:
        """Until each of `names` has said so many different numbers."""
        until = time.monotonic() + WAIT_S
        while len(self.seen) < names or min(map(len, self.seen.values())) < count:
            missing = {name: count - len(known) for name, known in self.seen.items()}
            assert time.monotonic() < until, f"{self.place.name} lacks {missing}"
            time.sleep(0.2)
            self.look()


def test_no_event_is_missed_when_processes_are_killed(
    shared_store_server: StoreServer, tmp_path: Path
) -> None:
    shared_store_server.wipe()
    chance, kills = random.Random(1), list[tuple[str, float]]()
    published, handled = Said(tmp_path / "published"), Said(tmp_path / "handled")
    published.place.touch()
    handled.place.touch()

    def start(role: str) -> "subprocess.Popen[bytes]":
        name, _, part = role.partition(" ")
        place = handled.place if name == "read" else published.place
        rest = [CONSUMERS] if name == "read" else [EVENTS, PER_S // PUBLISHERS, part, PUBLISHERS]
        words = (sys.executable, PROGRAM, name, shared_store_server.url, place, *rest)
        return subprocess.Popen([*map(str, words)], stdout=subprocess.DEVNULL)

    roles = ["read"] * READERS + [f"publish {part}" for part in range(PUBLISHERS)]
    running = [(role, start(role)) for role in roles]
    began = time.monotonic()
    try:
        handled.wait(100, CONSUMERS)
        while len(kills) < KILLS:
            time.sleep(chance.uniform(0.3, 1.2))
            handled.look()
            at = chance.randrange(len(running))
            if chance.random() < 0.5:  # the one who reads, else most kills hit who waits
                pids = [one.pid for _, one in running]
                at = pids.index(handled.last) if handled.last in pids else at
            role, process = running[at]
            others = [one for name, one in running if name == role == "read" and one is not process]
            if not {one.pid for one in others} <= handled.up:
                continue  # somebody is left to take over: how long that takes is a figure
            process.kill()
            process.wait()
            kills.append((role, time.monotonic()))
            running[at] = (role, start(role))
        published.wait(EVENTS, 1)
        handled.wait(EVENTS, CONSUMERS)
    finally:
        for _, process in running:
            process.kill()
            process.wait()

    figures = figures_of(published, handled, kills) | {"seconds": round(time.monotonic() - began)}
    print(json.dumps(figures))  # noqa: T201  # the test's figures

    assert figures["missed"] == 0
    assert figures["out_of_order"] == 0
    # A reader that is held up for seconds loses its turn, too.
    lost = figures["kills_of_readers"] + KILLS
    assert figures["repeats"] <= lost * CONSUMERS * (FLUSH + IN_FLIGHT)
    assert figures["back_s_max"] <= BACK_S


def figures_of(published: Said, handled: Said, kills: list[tuple[str, float]]) -> dict[str, float]:
    """What was lost, repeated, out of order; how long each consumer was away after a kill."""
    by_key: dict[tuple[str, str], list[int]] = {}
    for name, n, key, _ in handled.first:
        by_key.setdefault((name, key), []).append(n)
    away: list[float] = []
    for name in handled.seen:
        times = [at for said, _, _, at in handled.first if said == name]
        for _, at in (one for one in kills if one[0] == "read"):
            # From when there was something to read: publishers are killed, too.
            there = min((told for *_, told in published.first if told > at), default=at)
            later = [told for told in times if told > at]
            away += [max(min(later) - there, 0.0)] if later else []
    return {
        "published": len(published.seen["-"]),
        "consumers": len(handled.seen),
        "missed": sum(EVENTS - len(known) for known in handled.seen.values()),
        "out_of_order": sum(numbers != sorted(numbers) for numbers in by_key.values()),
        "repeats": len(handled.lines) - len(handled.first),
        "kills": len(kills),
        "kills_of_readers": sum(role == "read" for role, _ in kills),
        "back_s_max": round(max(away, default=0.0), 2),
    }
