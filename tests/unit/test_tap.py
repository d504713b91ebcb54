"""The tap keeps its bound, lets go of the least important, and loses nothing silently."""

import json
import threading
from typing import Any

import pytest

from orchestra.tap import Tap


def events(tap: Tap, least: str = "debug") -> list[bytes]:
    return [line for _, _, _, line in tap.take(least)]


def test_lines_come_out_in_the_order_they_came_in() -> None:
    tap = Tap()
    for n, level in enumerate(["info", "debug", "error", "warning", "critical", "odd"]):
        tap.put(level, "", b"%d" % n)

    assert [len(tap), *events(tap)] == [6, b"0", b"1", b"2", b"3", b"4", b"5"]
    assert len(tap) == 0


def test_debug_then_info_is_let_go_and_counted() -> None:
    tap = Tap(lines_max=4)
    for n, level in enumerate(["debug", "info", "error", "info", "error", "error", "debug"]):
        tap.put(level, "", b"%d" % n)

    assert events(tap) == [b"2", b"3", b"4", b"5"]
    assert (tap.lost(), tap.lost()) == (3, 0)


def test_bytes_are_bounded_too() -> None:
    tap = Tap(bytes_max=1_000)
    for _ in range(100):
        tap.put("error", "", b"x" * 300)

    assert len(tap) == 3
    assert tap.lost() == 97


def test_some_levels_and_some_lines_are_taken() -> None:
    tap = Tap()
    for n in range(10):
        tap.put("warning" if n % 2 else "debug", "t", b"%d" % n)

    assert [one[3] for one in tap.take("warning", 3)] == [b"1", b"3", b"5"]
    assert events(tap) == [b"0", b"2", b"4", b"6", b"7", b"8", b"9"]


def test_threads_lose_nothing() -> None:
    tap = Tap()
    threads = [
        threading.Thread(target=lambda: [tap.put("info", "", b"x") for _ in range(1_000)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(tap.take(most=10_000)) == 8_000


@pytest.mark.parametrize(
    "facts",
    [
        {"text": "x" * 1_000_000},
        {"deep": [[[["y" * 100_000]]]], "n": 1},
        {f"k{n}": "v" * 300 for n in range(500)},
        {"k" * 100_000: "v"},
        {"text": "ü" * 10_000, "step": "fetch"},
    ],
    ids=["text", "deep", "many", "name", "wide"],
)
def test_a_long_line_is_cut_and_still_a_line(facts: dict[str, Any]) -> None:
    tap, line = Tap(), {"ts": "t", "level": "info", "event": "x.done", **facts}
    raw = json.dumps(line, ensure_ascii=False).encode()
    tap.put("info", "", raw)

    (kept,) = events(tap)

    assert len(kept) <= 8_192
    found = json.loads(kept)
    assert list(found)[:3] == ["ts", "level", "event"]
    assert found["cut_bytes"] == len(raw)
    assert found.get("step") == facts.get("step")
