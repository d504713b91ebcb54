"""kill -9 of two readers and a publisher, 20 times, while 10,000 events are published."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_server import StoreServer

from orchestra.bus.readers.frontier import FLUSH

pytestmark = pytest.mark.chaos

EVENTS, KILLS, BACK_S = 10_000, 20, 5.0
IN_FLIGHT = 64
PROGRAM = Path(__file__).parents[1] / "durable_process.py"
Line = tuple[int, str, float]


def test_no_event_is_missed_when_processes_are_killed(
    shared_store_server: StoreServer, tmp_path: Path
) -> None:
    shared_store_server.wipe()
    chance, kills = random.Random(1), list[tuple[str, float]]()
    places = {"publish": tmp_path / "published", "read": tmp_path / "handled"}
    for place in places.values():
        place.touch()

    def start(role: str) -> "subprocess.Popen[bytes]":
        words = (sys.executable, str(PROGRAM), role, shared_store_server.url, str(places[role]))
        return subprocess.Popen([*words, str(EVENTS)], stdout=subprocess.DEVNULL)

    running = [("read", start("read")), ("read", start("read")), ("publish", start("publish"))]
    try:
        wait_for(places["read"], 100)
        while len(kills) < KILLS:
            time.sleep(chance.uniform(0.5, 1.3))
            at = chance.randrange(len(running))
            role, process = running[at]
            process.kill()
            process.wait()
            kills.append((role, time.monotonic()))
            running[at] = (role, start(role))
        wait_for(places["publish"], EVENTS)
        wait_for(places["read"], EVENTS)
    finally:
        for _, process in running:
            process.kill()
            process.wait()

    handled = lines(places["read"])
    seen: set[int] = set()
    first = [one for one in handled if one[0] not in seen and not seen.add(one[0])]
    by_key: dict[str, list[int]] = {}
    for n, key, _ in first:
        by_key.setdefault(key, []).append(n)
    ended = max(at for _, _, at in first)
    back = [
        min(later) - at
        for _, at in kills
        if at < ended and (later := [told for _, _, told in handled if told > at])
    ]
    readers = sum(role == "read" for role, _ in kills)
    figures = {
        "published": len({n for n, _, _ in lines(places["publish"])}),
        "missed": EVENTS - len(seen),
        "kills": len(kills),
        "kills_before_the_last_event": len(back),
        "kills_of_readers": readers,
        "repeats": len(handled) - len(seen),
        "back_s_max": round(max(back), 2),
    }
    print(json.dumps(figures))  # noqa: T201  # the test's figures

    assert figures["missed"] == 0
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    assert figures["repeats"] <= readers * (FLUSH + IN_FLIGHT)
    assert figures["back_s_max"] <= BACK_S


def lines(place: Path) -> list[Line]:
    """What was said, in order."""
    words = [line.split() for line in place.read_text().splitlines()]
    return [(int(n), key, float(at)) for n, key, at in words]


def wait_for(place: Path, count: int) -> None:
    """Until so many different events are in a file."""
    until = time.monotonic() + 60
    while len({n for n, _, _ in lines(place)}) < count:
        assert time.monotonic() < until, f"{place.name} does not come to {count}"
        time.sleep(0.2)
