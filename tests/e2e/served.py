"""`orchestra serve` as a child of the tests, and what can be asked of it and done to it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
from valkey_servers import Valkey, free_port

ROOT = Path(__file__).parents[2]
START_S = 90.0
CALL_S = 60.0
_PRCTL = ctypes.CDLL(None).prctl  # looked up before any fork
_PR_SET_PDEATHSIG = 1

Document = dict[str, Any]


@dataclass
class Server:
    """One process, and a client of it."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    client: httpx.AsyncClient

    async def ready(self) -> int:
        """The status of `/readyz`; 0 when nothing answers."""
        with contextlib.suppress(httpx.HTTPError):
            return (await self.client.get("/readyz")).status_code
        return 0

    async def become(self, status: int, within_s: float = START_S) -> float:
        """Seconds until `/readyz` says so."""
        return await until(self.ready, lambda got: got == status, within_s)

    async def asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer; asked again while that is 503: the store was silent for too long."""
        answers: list[httpx.Response] = []

        async def ask() -> int:
            answers.append(await self.client.request(method, path, **more))
            return answers[-1].status_code

        await until(ask, lambda status: status != 503)
        return answers[-1]

    async def make(self, name: str, *steps: Document, **more: Any) -> str:
        """A new workflow, by its id."""
        document = {"name": name, "steps": steps} | more
        answer = await self.asked("POST", "/api/workflows", json=document)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def register(self, name: str, endpoint: str) -> None:
        """An agent over HTTP, alone in a pool of its name, and without heartbeats."""
        agent: Document = {"name": name, "agent_type": name, "endpoint": endpoint}
        agent |= {"capabilities": [{"name": "ask"}], "heartbeat": {"mode": "none"}}
        agent |= {"max_concurrency": 4}
        answer = await self.asked("POST", "/api/agents/register", json=agent)
        assert answer.status_code in (200, 201), answer.text

    async def start(self, workflow: str, **input_data: Any) -> str:
        """An accepted execution, by its id."""
        path, once = f"/api/workflows/{workflow}/execute", {"Idempotency-Key": os.urandom(8).hex()}
        answer = await self.asked("POST", path, json={"input_data": input_data}, headers=once)
        assert answer.status_code in (200, 202), answer.text
        return str(answer.json()["id"])

    async def status(self, execution: str) -> Document:
        """The document of `/status`."""
        answer = await self.asked("GET", f"/api/executions/{execution}/status")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ended(self, execution: str, within_s: float = START_S) -> Document:
        """The status once it has ended."""
        got: list[Document] = []

        async def ask() -> Document:
            got.append(await self.status(execution))
            return got[-1]

        await until(ask, lambda status: status["ended_at"] is not None, within_s)
        return got[-1]

    async def history(self, execution: str, kind: str = "") -> list[Document]:
        """All transitions, or those of a kind."""
        path = f"/api/executions/{execution}/history"
        answer = await self.asked("GET", path, params={"limit": 200})
        assert answer.status_code == 200, answer.text
        return [item for item in answer.json()["items"] if kind in ("", item["type"])]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def gone(self, within_s: float = START_S) -> int:
        """The exit code."""

        async def poll() -> int | None:
            return self.process.poll()

        await until(poll, lambda code: code is not None, within_s)
        return self.process.returncode

    def store_pid(self) -> int:
        """The embedded store's process; 0 while there is none."""
        pid = self.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
            with contextlib.suppress(FileNotFoundError):
                if "valkey" in Path(f"/proc/{child}/comm").read_text("ascii"):
                    return int(child)
        return 0

    def memory_mb(self, which: str = "VmRSS") -> float:
        """Resident memory now, or at most so far (`VmHWM`)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines()
        (line,) = [line for line in lines if line.startswith(which)]
        return int(line.split()[1]) / 1_024

    def said(self, words: str) -> int:
        """How many lines of its log have these words."""
        return sum(words in line for line in self.log.read_text(errors="replace").splitlines())


@contextlib.asynccontextmanager
async def serving(folder: Path, *options: str, agents: bool = False) -> AsyncIterator[Server]:
    """A ready server for the duration of the block. `agents`: with those of the benchmarks."""
    port = free_port()
    words = ["-m", "bench.server"] if agents else ["-m", "orchestra", "serve"]
    words += ["--port", str(port), "--data", str(folder / f"data-{port}"), "--log-level", "info"]
    log = folder / f"server-{port}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: ASYNC220  # it is awaited by asking it
            [sys.executable, *words, *options],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_us,  # noqa: PLW1509  # one call into libc, looked up above
        )
    limits = httpx.Limits(max_connections=500, max_keepalive_connections=500)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=CALL_S, limits=limits) as client:
            server = Server(url, process, log, client)
            await until(server.ready, lambda got: got == 200 or process.poll() is not None)
            assert process.poll() is None, log.read_text(errors="replace")[-2_000:]
            yield server
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


@contextlib.contextmanager
def a_store(folder: Path, *options: str) -> Iterator[Valkey]:
    """A store of the test's own that keeps what was acknowledged."""
    kept = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
    store = Valkey(folder / "store", free_port(), *kept, *options)
    try:
        yield store.start()
    finally:
        store.kill()


async def until(
    ask: Callable[[], Awaitable[Any]], fits: Callable[[Any], bool], within_s: float = START_S
) -> float:
    """Ask until the answer fits, 20 ms apart; how long that took."""
    began = time.monotonic()
    while not fits(got := await ask()):
        assert time.monotonic() - began < within_s, f"after {within_s} s still {got!r}"
        await anyio.sleep(0.02)
    return time.monotonic() - began


@dataclass
class Answer:
    """What a request got. `at` is when it was sent, by the monotonic clock."""

    what: str
    status: int
    code: str
    retry_after: str
    at: float
    took_s: float


@dataclass
class Load:
    """Steady starts with an Idempotency-Key, each repeated until it is accepted, and reads."""

    server: Server
    workflow: str
    answers: list[Answer] = field(default_factory=list[Answer])
    accepted: dict[str, str] = field(default_factory=dict[str, str])
    stopped: bool = False

    async def run(self, clients: int, pause_s: float) -> None:
        """Until `stopped`, and then until every start was accepted."""
        async with anyio.create_task_group() as group:
            for number in range(clients):
                group.start_soon(self._start, number, pause_s)
                group.start_soon(self._read, pause_s)

    async def _start(self, client: int, pause_s: float) -> None:
        number = 0
        while not self.stopped:
            number += 1
            key = f"{client}-{number}"
            while key not in self.accepted:
                made = await self.start(key)
                if made is not None:
                    self.accepted[key] = made
                await anyio.sleep(pause_s)

    async def _read(self, pause_s: float) -> None:
        while not self.stopped:
            for execution in list(self.accepted.values())[-5:]:
                await self.ask("read", "GET", f"/api/executions/{execution}/status")
            await anyio.sleep(pause_s)

    async def start(self, key: str) -> str | None:
        """One start; None when it was refused."""
        path, headers = f"/api/workflows/{self.workflow}/execute", {"Idempotency-Key": key}
        answer = await self.ask("start", "POST", path, json={"input_data": {}}, headers=headers)
        return None if answer is None or answer.is_error else str(answer.json()["id"])

    async def _known(self, key: str, execution: str) -> None:
        """The key still names it; asked again while the store was silent for too long."""
        again: list[str | None] = []

        async def start() -> str | None:
            again.append(await self.start(key))
            return again[-1]

        await until(start, bool)
        assert again[-1] == execution, "the key forgot its execution"

    async def ask(self, what: str, method: str, path: str, **more: Any) -> httpx.Response | None:
        """One request, noted."""
        at = time.monotonic()
        answer, status, code, retry_after = None, 0, "", ""
        try:
            answer = await self.server.client.request(method, path, **more)
        except httpx.HTTPError as error:
            code = type(error).__name__
        else:
            status, retry_after = answer.status_code, answer.headers.get("retry-after", "")
            code = answer.json()["code"] if answer.is_error else ""
        took_s = time.monotonic() - at
        self.answers.append(Answer(what, status, code, retry_after, at, took_s))
        return answer

    def wrong(self, *codes: str, longest_s: float = START_S) -> list[Answer]:
        """Answers that are neither a success nor a 503 of these codes with Retry-After in time."""
        return [
            one
            for one in self.answers
            if one.took_s > longest_s
            or not (
                200 <= one.status < 300
                or (one.status == 503 and one.code in codes and one.retry_after)
            )
        ]

    async def recorded_once(self) -> list[float]:
        """Every accepted start is one execution that completed, each step recorded once.

        Returns when the steps were recorded, by the wall clock.
        """
        times: list[float] = []
        executions = list(self.accepted.values())
        assert len(set(executions)) == len(executions), "two keys gave one execution"
        for key, execution in self.accepted.items():
            assert (await self.server.ended(execution))["status"] == "completed"
            items = await self.server.history(execution)
            ends = [item for item in items if item["type"] == "step.completed"]
            done = [item["path"] for item in ends]
            times += [datetime.fromisoformat(item["at"]).timestamp() for item in ends]
            assert len(done) == len(set(done)) > 0, items
            assert sum(item["type"] == "workflow.accepted" for item in items) == 1
            assert sum(item["type"] == "workflow.completed" for item in items) == 1
            await self._known(key, execution)
        return times


def _die_with_us() -> None:
    _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
