"""Open pages: what two hundred of them cost W1, and how soon a change is on the screen.

The pages are bare streams of a process of its own, which do what the script of a page does: when a
part is stale they ask for it, at most every so often. The last figure needs Debian's chromium.
"""

import asyncio
import multiprocessing
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.beside import Turn, summed, taken
from bench.machine import fsync_ms
from bench.screen import seen_ms
from bench.serving import Served, served

NAME: Final = "D1"
PAGES: Final = 200
STARTS, TURNS, EXECUTIONS = 4, 8, 2_000
OPTIONS: Final = ("--streams-max", "1000", "--streams-each-max", "1000")
PACKED: Final = "Accept-Encoding: gzip\r\n"
AGAIN: Final = "HX-Request: true\r\nX-Again: yes\r\n"
WAITING: Final = {
    "name": "waiting",
    "steps": [{"id": "nap", "type": "wait", "signal": "wake", "timeout": "1h"}],
}
_STALE = re.compile(rb"event: stale-[a-z]+\n")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Look:
    """A kind of page: its topics, and what it asks for when those are stale, so often at most."""

    topics: str
    part: str
    every_s: float


LOOKS: Final = (
    Look("overview", "", 1.0),
    Look("executions", "/ui/executions/rows", 2.0),
    Look("execution:{run}", "", 1.0),
    Look("events", "/ui/events/rows", 1.0),
    Look("agents", "/ui/agents/cards", 2.0),
)


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of D1."""
    pages, starts, turns = (PAGES // 10, 1, 2) if quick else (PAGES, STARTS, TURNS)
    disk_ms, frames, part = fsync_ms(place), 0, EXECUTIONS // (10 if quick else 1)
    found: dict[str, list[Turn]] = {"alone": [], "looked at": []}
    for _ in range(starts):
        with (
            served(place, durability, options=OPTIONS) as alone,
            served(place, durability, options=OPTIONS) as looked_at,
        ):
            more, told = _beside(alone, looked_at, pages, turns, part)
        frames += told
        for name, some in more.items():
            found[name] += some
    with served(place, durability, options=OPTIONS) as server:
        seen = seen_ms(server)
    return {
        "scenario": NAME,
        "what": f"{pages} open pages beside W1; from a change to the screen, 50 changes a second",
        "durability": {"appendfsync": mode},
        "pages": pages,
        **summed(found),
        "starts": starts,
        "turns": turns,
        "executions": part,
        "frames": frames,
        "change_to_screen_ms": seen,
        "fsync_ms": disk_ms,
    }


def _beside(
    alone: Served, looked_at: Served, pages: int, turns: int, executions: int
) -> tuple[dict[str, list[Turn]], int]:
    """W1 by turns: on a server nobody looks at, and on one all look at."""
    run = looked_at.call("POST", "/api/workflows", WAITING)["id"]
    run = looked_at.call("POST", f"/api/workflows/{run}/execute", {"input_data": {}})["id"]
    with Lookers(looked_at.port, run, pages) as lookers:
        found = taken({"alone": alone, "looked at": looked_at}, turns, executions)
        return found, lookers.told()


class Lookers:
    """Open pages, in a process of their own, for the duration of a block."""

    def __init__(self, port: int, run: str, pages: int) -> None:
        self._pages = pages
        self._ready, self._told = multiprocessing.Event(), multiprocessing.Value("L", 0)
        self._process = multiprocessing.Process(
            target=_look, args=(port, run, pages, self._ready, self._told), daemon=True
        )

    def __enter__(self) -> "Lookers":
        if self._pages:
            self._process.start()
            assert self._ready.wait(60), "the pages did not open"
        return self

    def __exit__(self, *_: object) -> None:
        if self._pages:
            self._process.terminate()
            self._process.join()

    def told(self) -> int:
        """How many frames all pages were sent."""
        return int(self._told.value)


def _look(port: int, run: str, pages: int, ready: Any, told: Any) -> None:
    uvloop.run(_all(port, run, pages, ready, told))


async def _all(port: int, run: str, pages: int, ready: Any, told: Any) -> None:
    opened = asyncio.Semaphore(20)
    left = pages
    everybody = asyncio.Event()

    async def one(look: Look) -> None:
        nonlocal left
        topics = look.topics.format(run=run)
        head = f"GET /ui/live?t={topics}&since= HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        async with opened:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
            writer.write(head.encode())
            first = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in first.split(b"\r\n")[0], first
        left -= 1
        if not left:
            everybody.set()
        if look.part:
            await _read_anew(reader, look, port, told)
        while await reader.read(1 << 20):
            told.value += 1

    async def opening() -> None:
        await everybody.wait()
        ready.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(opening())
        for n in range(pages):
            group.create_task(one(LOOKS[n % len(LOOKS)]))


async def _read_anew(stream: asyncio.StreamReader, look: Look, port: int, told: Any) -> None:
    """Ask for the part when it is stale, over one connection that is kept, as browsers do."""
    stale = asyncio.Event()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        head = f"GET {look.part} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{AGAIN}{PACKED}"
        while True:
            await stale.wait()
            stale.clear()
            writer.write(f"{head}\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in answer[:16], answer[:200]
            length = _LENGTH.search(answer)
            assert length is not None, answer
            await reader.readexactly(int(length[1]))
            await asyncio.sleep(look.every_s)

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ask())
        while frame := await stream.read(1 << 20):
            told.value += 1
            if _STALE.search(frame):
                stale.set()
        asking.cancel()
