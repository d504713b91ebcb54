"""What a message costs: sent, received, acknowledged, over HTTP and in Python, beside the store.

One queue, so one partition. The three phases are driven one after the other, so the first comes
and the last goes through the whole depth. The ceiling is the same scripts with the same batches,
packed beforehand, through one pipelined connection to another store of the same kind.
"""

import asyncio
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import hiredis
import msgspec

from bench.ceiling import exchange
from bench.events import opened, per_second
from bench.load import Run, drive, request
from bench.machine import cpu_ms, fsync_ms
from bench.serving import Served, served
from orchestra.bus.queues.calls import Calls
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import Sent
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store.embedded import Embedded, running
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.partitions import partitions, prefix
from orchestra.store.scripts import load_scripts

NAME = "Q1"
MESSAGES, CONNECTIONS = 20_000, 50
BATCHES = (1, 10, 100)
SCRIPTS = load_scripts("orchestra.bus.queues")
BODY = {"order": 17, "lines": [1, 2, 3], "note": "as on the phone"}


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of Q1."""
    messages = MESSAGES // 10 if quick else MESSAGES
    disk_ms = fsync_ms(place)
    by_batch: dict[str, Any] = {}
    with served(place, durability) as server:
        round_of(server, messages // 10, 10)  # to warm up
        for batch in BATCHES:
            by_batch[str(batch)] = round_of(server, messages, batch)
        told = server.durability()
    for batch in BATCHES:
        with tempfile.TemporaryDirectory(prefix="ceiling-", dir=place) as folder:
            alone = asyncio.run(ceiling(messages, batch, Embedded(Path(folder), mode)))
        found = by_batch[str(batch)]
        found["ceiling_messages_per_s"] = round(alone, 1)
        found["ratio_to_ceiling"] = round(found["messages_per_s"] / alone, 3)
        with tempfile.TemporaryDirectory(prefix="python-", dir=place) as folder:
            run = partial(in_python, messages, batch, Path(folder), durability)
            found["python_messages_per_s"] = anyio.run(run, backend_options={"use_uvloop": True})
    return {
        "scenario": NAME,
        "what": "messages sent, received and acknowledged in one queue, by size of batch",
        "durability": {"appendfsync": mode, **told},
        "messages": messages,
        "concurrency": CONNECTIONS,
        "by_batch": by_batch,
        "fsync_ms": disk_ms,
    }


def round_of(server: Served, messages: int, batch: int) -> dict[str, Any]:
    """All messages once through the queue."""
    count = messages // batch
    pids = {"server": server.pid, "store": server.store_pid, "client": os.getpid()}
    before = {name: cpu_ms(pid) for name, pid in pids.items()}
    body: Any = {"messages": [{"body": BODY}] * batch}
    sent = phase(server, "messages", [body] * count, 202)
    taken = phase(server, "receive", [{"max": batch}] * count, 200)
    receipts = [
        [one["receipt"] for one in json.loads(sample.body)["messages"]] for sample in taken.samples
    ]
    assert sum(map(len, receipts)) == messages, "messages were lost"
    acked = phase(server, "ack", [{"receipts": some} for some in receipts if some], 200)
    assert all(b"gone" not in sample.body for sample in acked.samples)
    seconds = sent.seconds + taken.seconds + acked.seconds
    used = {name: cpu_ms(pid) - before[name] for name, pid in pids.items()}
    return {
        "messages_per_s": round(messages / seconds, 1),
        "p50_ms": {
            "send": round(sent.quantile(0.5), 2),
            "receive": round(taken.quantile(0.5), 2),
            "ack": round(acked.quantile(0.5), 2),
        },
        "cpu_us_a_message": {name: round(1_000 * ms / messages, 1) for name, ms in used.items()},
    }


def phase(server: Served, verb: str, bodies: Sequence[Any], status: int) -> Run:
    """One kind of call, so often."""
    host, path = f"127.0.0.1:{server.port}", f"/api/queues/bench/{verb}"
    run = drive(
        server.port,
        [request("POST", host, path, json.dumps(body).encode()) for body in bodies],
        CONNECTIONS,
    )
    wrong = [sample for sample in run.samples if sample.status != status]
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(bodies)} answers are wrong: {wrong[0]}")
    return run


async def in_python(messages: int, batch: int, place: Path, durability: str) -> float:
    """Messages a second of a module in the server's process, with as many calls at once."""
    async with opened(place, durability) as store:
        ids = Ids(SystemClock(), system_random())
        queues = Queues(Calls(store), ids, system_random())
        sent = [Sent(msgspec.Raw(json.dumps(BODY).encode()))] * batch
        count, receipts = messages // batch, list[list[str]]()

        async def send(_: int) -> None:
            await queues.send(DEFAULT_TENANT, "bench", sent)

        async def receive(_: int) -> None:
            found, _soon = await queues.receive(DEFAULT_TENANT, "bench", batch, None)
            receipts.append([one.receipt for one in found])

        async def settle(n: int) -> None:
            await queues.settle(DEFAULT_TENANT, "bench", receipts[n], "done")

        seconds = 0.0
        for once in (send, receive, settle):
            seconds += count / await per_second(once, count)
        assert sum(map(len, receipts)) == messages, "messages were lost"
        return round(messages / seconds, 1)


async def ceiling(messages: int, batch: int, settings: Embedded) -> float:
    """Messages a second of the store alone."""
    packed = list(commands(messages, batch))
    first = [
        hiredis.pack_command(("SCRIPT", "LOAD", SCRIPTS[name].source))
        for name in ("queue_save", "queue_send", "queue_receive", "queue_settle")
    ]
    first.append(call("queue_save", "put", 5, 3, 600_000, 10**6, "1000", 0, ""))
    async with running(settings, SystemClock()) as server:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(server.socket)
            await asyncio.sleep(0)
            exchange(connection, first, check=True)
            began = time.perf_counter()
            replies = exchange(connection, packed, check=True)
            seconds = time.perf_counter() - began
    settled = replies[-(messages // batch) :]
    assert all(reply == [1] * batch for reply in settled), "not all were settled"
    return messages / seconds


def commands(messages: int, batch: int) -> Iterator[bytes]:
    """The calls of all phases: which message a receive brings is known, they come in order."""
    ids, count = Ids(SystemClock(), system_random()), messages // batch
    batches = [[ids.new("msg") for _ in range(batch)] for _ in range(count)]
    body = json.dumps(BODY)
    for n, some in enumerate(batches):
        more = [part for one in some for part in (one, 2, 0, "", "", body)]
        yield call("queue_send", f"s{n}", 15_000, 86_400_000, 0, *more)
    for n in range(count):
        yield call("queue_receive", f"{n:016x}", batch, "", 15_000, 0)
    for n, some in enumerate(batches):
        yield call(
            "queue_settle", "D", "", "", *(part for one in some for part in (one, f"{n:016x}", 0))
        )


def call(script: str, *args: str | int) -> bytes:
    """One call of a script on the queue."""
    words = (SCRIPTS[script].sha, 1, prefix(partitions(16)[0]), "", "default:bench")
    return hiredis.pack_command(("EVALSHA", *words, *map(str, args)))
