"""The store's ceiling: the product's own scripts, the same writes, and no Python between them.

An execution's commands are known beforehand: its first claim has the token `1.0.0.0.<session>`,
and a step that follows is claimed by the completion before it. So a whole run is packed into bytes
first, then sent through one pipelined connection; only sending and reading replies is timed.
"""

import asyncio
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hiredis

from bench.machine import cpu_ms
from orchestra.clock import SystemClock, system_random
from orchestra.store.embedded import Embedded, running
from orchestra.store.frames import pack
from orchestra.store.partitions import execution_id, partitions, prefix
from orchestra.store.scripts import Script, load_scripts

SESSION = "benchbenchben"
PARTITIONS = 16
WINDOW = 256
ROUTE = "1|@engine"
RECORD = pack(b'{"path":"s0","status":"completed","output":{"n":1},"at":1795000000000}')
INPUT = pack(b'{"input_data":{"n":1}}')


@dataclass(frozen=True)
class Ceiling:
    """What the store alone does with the same writes."""

    steps_per_s: float
    store_cpu_ms_per_execution: float


@dataclass(frozen=True)
class Shape:
    """Steps of an execution: path, and the paths that follow it."""

    steps: tuple[tuple[str, tuple[str, ...]], ...]

    def dependencies(self, path: str) -> int:
        return sum(path in followers for _, followers in self.steps)


def sequence(length: int) -> Shape:
    """`length` steps, one after the other."""
    names = [f"s{i}" for i in range(length)]
    followers = [(name,) for name in names[1:]]
    return Shape(tuple(zip(names, [*followers, ()], strict=True)))


def fan(width: int) -> Shape:
    """A first step, `width` steps, a join."""
    middle = tuple(f"m{i}" for i in range(width))
    return Shape((("start", middle), *((name, ("join",)) for name in middle), ("join", ())))


def measure(shape: Shape, executions: int, appendfsync: str, directory: Path) -> Ceiling:
    """Write `executions` of `shape` as fast as a store of our own takes them."""
    with tempfile.TemporaryDirectory(prefix="ceiling-", dir=directory) as place:
        return asyncio.run(_measure(shape, executions, Embedded(Path(place), appendfsync)))


async def _measure(shape: Shape, executions: int, settings: Embedded) -> Ceiling:
    scripts = {**load_scripts("orchestra.store"), **load_scripts("orchestra.workflows")}
    packed = list(_commands(scripts, shape, executions))
    async with running(settings, SystemClock()) as server:
        assert server.process is not None
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(server.socket)
            await asyncio.sleep(0)
            exchange(connection, list(_preparation(scripts)), check=True)
            before, began = cpu_ms(server.process.pid), time.perf_counter()
            replies = exchange(connection, packed, check=True)
            seconds = time.perf_counter() - began
            used = cpu_ms(server.process.pid) - before
    completed = sum(reply[0] == 1 for reply in replies if isinstance(reply, list))
    expected = executions * (1 + len(shape.steps))
    assert completed == expected, f"{completed} of {expected} writes were made"
    steps = executions * len(shape.steps)
    return Ceiling(round(steps / seconds, 1), round(used / executions, 4))


def _preparation(scripts: Mapping[str, Script]) -> Iterator[bytes]:
    """Every script loaded, and our session alive in every partition."""
    for name in ("session_beat", "execution_start", "step_complete"):
        yield hiredis.pack_command(("SCRIPT", "LOAD", scripts[name].source))
    for tag in partitions(PARTITIONS):
        values = {"session": SESSION, "lease_ms": 600_000, "join": "1", "cancelled_since": "+inf"}
        yield _call(scripts["session_beat"], tag, values)


def _commands(scripts: Mapping[str, Script], shape: Shape, executions: int) -> Iterator[bytes]:
    """The commands of all executions, those of 16 partitions by turns."""
    clock, chance, tags = SystemClock(), system_random(), partitions(PARTITIONS)
    start, complete = scripts["execution_start"], scripts["step_complete"]
    for group in range(0, executions, WINDOW):
        batch = [
            (tag, execution_id(clock.now_ms(), tag, chance.getrandbits))
            for tag in (tags[i % len(tags)] for i in range(group, min(executions, group + WINDOW)))
        ]
        yield from (_call(start, tag, _start(shape, eid)) for tag, eid in batch)
        for path, followers in shape.steps:
            arguments = _completion(followers)
            for tag, eid in batch:
                yield _call(complete, tag, {**arguments, "item": f"{ROUTE}|{eid}/{path}"})


def _start(shape: Shape, eid: str) -> dict[str, bytes | str | int]:
    lines = "\n".join(f"{path}\t{shape.dependencies(path)}\t{ROUTE}" for path, _ in shape.steps)
    return {
        "eid": eid,
        "definition": "d" * 32,
        "tenant": "default",
        "cost": 1000,
        "delay_ms": 0,
        "idem": "",
        "idem_digest": "",
        "idem_ttl_ms": 86_400_000,
        "deadline_ms": 2_592_000_000,
        "on_late": "F",
        "last": "",
        "parent": "",
        "input": INPUT,
        "steps": lines,
        "session": SESSION,
        "sticky": 1,
        "queues": "@engine",
        "watch": 1,
    }


def _completion(followers: Sequence[str]) -> dict[str, bytes | str | int]:
    return {
        "token": f"1.0.0.0.{SESSION}",
        "out": "C",
        "record": RECORD,
        "sticky": len(followers),
        "max": 0,
        "queues": "@engine",
        "delay_ms": 0,
        "bump": 1,
        "end": "",
        "escalate": "",
        "undo": "",
        "succ": "\n".join(f"{follower}\t{ROUTE}" for follower in followers),
        "spawn": "",
        "emit": "",
        "vars": "",
        "told": "\t\t0",
    }


def _call(script: Script, tag: int, values: Mapping[str, bytes | str | int]) -> bytes:
    words = ("EVALSHA", script.sha, 1, prefix(tag), "", *script.argv(values))
    return hiredis.pack_command(words)


def exchange(connection: socket.socket, packed: Sequence[bytes], check: bool) -> list[object]:
    """Send everything, with at most two windows on the way; all replies."""
    reader, replies, sent = hiredis.Reader(), list[object](), 0
    while len(replies) < len(packed):
        while sent < len(packed) and sent - len(replies) <= WINDOW:
            chunk = packed[sent : sent + WINDOW]
            connection.sendall(b"".join(chunk))
            sent += len(chunk)
        reader.feed(connection.recv(1 << 16))
        while (reply := reader.gets()) is not False:
            if check and isinstance(reply, Exception):
                raise reply
            replies.append(reply)
    return replies
