"""Workers that come for tasks: real processes, with no way in, and killed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from e2e.served import ROOT, Server, serving, until

pytestmark = pytest.mark.anyio

TASKS = 1_000
WORKER = """
import sys, anyio
from orchestra.sdk import Agent

name, url, done, pause = sys.argv[1:]
beat = {"mode": "push", "interval_s": 2, "ttl_s": 6}
agent = Agent(name, agent_type="work", url=url, concurrency=32, heartbeat=beat)
log = open(done, "a", buffering=1)

@agent.capability("do", idempotent=True)
async def do(task):
    await anyio.sleep(float(pause))
    log.write(f"{task.input['n']}\\n")
    return {"n": task.input["n"], "by": name}

agent.run()
"""
PATIENT = WORKER.replace('"interval_s": 2, "ttl_s": 6', '"interval_s": 100, "ttl_s": 300')
"""It may be silent for longer than any test waits."""
HELD = WORKER.replace(
    "    await",
    """    if name == "one" and task.input["n"] >= 500:
        log.write("held\\n")
        await anyio.sleep_forever()
    await""",
)
"""The worker `one` ends none of the later tasks."""


@contextlib.asynccontextmanager
async def a_worker(
    folder: Path, name: str, url: str, pause: float = 0.0, code: str = WORKER
) -> AsyncIterator[subprocess.Popen[bytes]]:
    (folder / "worker.py").write_text(code)
    words = [str(folder / "worker.py"), name, url, str(folder / f"{name}.done"), str(pause)]
    process = subprocess.Popen(  # noqa: ASYNC220  -- it is awaited by asking it
        [sys.executable, *words], env=os.environ | {"PYTHONPATH": str(ROOT / "src")}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Asking:
    """Callers of many tasks; each answer is noted, by its number."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers: dict[int, list[Any]] = {}
        self.left = iter(range(TASKS))

    async def run(self, callers: int) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(callers):
                group.start_soon(self._ask)

    async def _ask(self) -> None:
        for n in self.left:
            body = {"agent_type": "work", "capability": "do", "input_data": {"n": n}}
            answer = await self.server.client.post("/api/agents/execute", json=body, timeout=120)
            self.answers.setdefault(n, []).append(answer.json())

    @property
    def wrong(self) -> list[Any]:
        return [
            told
            for n, answers in self.answers.items()
            for told in answers
            if told.get("status") != "completed" or told["output"]["n"] != n
        ]


async def alive(server: Server, name: str) -> str:
    answer = await server.client.get(f"/api/agents/{name}")
    return answer.json()["status"] if answer.status_code == 200 else ""


async def test_a_worker_with_no_way_in_does_a_thousand_tasks(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, a_worker(tmp_path, "one", server.url, code=PATIENT):
        await until(lambda: alive(server, "one"), lambda got: got == "healthy")
        asking = Asking(server)

        await asking.run(callers=48)

    assert len(asking.answers) == TASKS
    assert not asking.wrong, asking.wrong[:2]
    done = (tmp_path / "one.done").read_text().split()
    assert Counter(done).most_common(1)[0][1] == 1


async def test_of_two_workers_one_is_killed_and_each_task_has_one_result(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, contextlib.AsyncExitStack() as stack:
        first, _ = [
            await stack.enter_async_context(a_worker(tmp_path, name, server.url, 0.02, HELD))
            for name in ("one", "two")
        ]
        for name in ("one", "two"):
            await until(lambda name=name: alive(server, name), lambda got: got == "healthy")
        asking = Asking(server)
        async with anyio.create_task_group() as group:
            group.start_soon(asking.run, 48)

            async def done() -> str:
                return (tmp_path / "one.done").read_text()

            await until(done, lambda told: "held" in told)
            first.send_signal(signal.SIGKILL)

    assert len(asking.answers) == TASKS
    assert all(len(answers) == 1 for answers in asking.answers.values())
    assert not asking.wrong, asking.wrong[:2]
    lost = [
        call
        for [told] in asking.answers.values()
        for call in told["attempts"]
        if call["outcome"] != "ok"
    ]
    assert lost, "it was killed with tasks in hand"
    assert {call["error"]["code"] for call in lost} <= {"agent.lost", "agent.unavailable"}


async def test_sigterm_lets_a_worker_finish_what_it_has(tmp_path: Path) -> None:
    told = PATIENT.replace(
        "    await anyio.sleep", '    log.write("begun\\n")\n    await anyio.sleep'
    )
    async with (
        serving(tmp_path) as server,
        a_worker(tmp_path, "one", server.url, 1.0, code=told) as worker,
    ):
        await until(lambda: alive(server, "one"), lambda got: got == "healthy")
        body = {"agent_type": "work", "capability": "do", "input_data": {"n": 1}}
        answers: list[Any] = []
        code = -1

        async def ask() -> None:
            answers.append((await server.client.post("/api/agents/execute", json=body)).json())

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            with anyio.fail_after(60):
                while "begun" not in (tmp_path / "one.done").read_text():  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            worker.send_signal(signal.SIGTERM)
            with anyio.fail_after(60):
                code = await anyio.to_thread.run_sync(worker.wait, abandon_on_cancel=True)

    assert answers[0]["output"] == {"n": 1, "by": "one"}
    assert code == 0


async def test_a_worker_whose_agent_was_removed_registers_it_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, a_worker(tmp_path, "one", server.url):
        await until(lambda: alive(server, "one"), lambda got: got == "healthy")
        before = (await server.client.get("/api/agents/one")).json()["id"]

        assert (await server.client.delete("/api/agents/one")).status_code == 204

        await until(lambda: alive(server, "one"), lambda got: got == "healthy")
        assert (await server.client.get("/api/agents/one")).json()["id"] != before


async def test_a_killed_worker_that_waited_is_soon_picked_no_more(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:

        async def status() -> str:
            return str((await server.client.get("/api/agents/one")).json().get("status"))

        async with a_worker(tmp_path, "one", server.url, code=PATIENT) as worker:
            await until(status, lambda told: told == "healthy")
            worker.kill()
            # `stale` for a moment only, which may be missed.
            await until(status, lambda told: told in ("stale", "offline"))
            async with a_worker(tmp_path, "one", server.url, code=PATIENT):
                await until(status, lambda told: told == "healthy")
