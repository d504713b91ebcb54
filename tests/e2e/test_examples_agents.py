"""The examples of agents run as they stand."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from valkey_servers import free_port

from e2e.served import ROOT, Server, serving, until

pytestmark = pytest.mark.anyio

EXAMPLES = ROOT / "examples" / "agents"


@contextlib.asynccontextmanager
async def a_program(*words: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A child for the duration of the block."""
    paths = os.pathsep.join([str(ROOT / "src"), str(EXAMPLES)])
    process = subprocess.Popen(  # noqa: ASYNC220  -- it is awaited by asking it
        [sys.executable, *words], env=os.environ | {"PYTHONPATH": paths}, cwd=EXAMPLES
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def status(server: Server, name: str) -> str:
    answer = await server.client.get(f"/api/agents/{name}")
    return answer.json()["status"] if answer.status_code == 200 else ""


async def test_a_worker_that_comes_for_its_tasks(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as server,
        a_program(str(EXAMPLES / "pull_worker.py"), server.url) as worker,
    ):
        await until(lambda: status(server, "counter-1"), lambda got: got == "healthy")
        task = {"agent_type": "counter", "capability": "count_words"}

        done = await server.client.post(
            "/api/agents/execute", json={**task, "input_data": {"text": "one two three"}}
        )
        refused = await server.client.post(
            "/api/agents/execute", json={**task, "input_data": {"text": 3}}
        )
        worker.send_signal(signal.SIGTERM)
        with anyio.fail_after(60):
            code = await anyio.to_thread.run_sync(worker.wait, abandon_on_cancel=True)

    assert done.json()["output"] == {"words": 3}
    assert refused.status_code == 502
    assert refused.json()["error"]["code"] == "agent.bad_request"
    assert code == 0


async def test_an_app_that_is_sent_its_tasks(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "orchestra.toml"
    config.write_text(f'network_allow = ["127.0.0.1:{port}"]\n')
    words = ("-m", "uvicorn", "http_agent:app", "--port", str(port), "--log-level", "warning")
    async with serving(tmp_path, "--config", str(config)) as server, a_program(*words):
        agent = {"name": "shouter-1", "agent_type": "shouter", "capabilities": ["shout"]}
        endpoint = f"http://127.0.0.1:{port}/"
        answer = await server.client.post(
            "/api/agents/register", json={**agent, "endpoint": endpoint}
        )
        assert answer.status_code == 201, answer.text
        task = {"agent_type": "shouter", "input_data": {"text": "oh no"}, "capability": "shout"}

        async def ask() -> int:
            return (await server.client.post("/api/agents/execute", json=task)).status_code

        await until(ask, lambda got: got == 200)
        done = await server.client.post("/api/agents/execute", json=task)
        streamed = await server.client.post(
            "/api/agents/execute", json=task, headers={"accept": "text/event-stream"}
        )

    assert done.json()["output"] == {"text": "OH NO"}
    events = [line for line in streamed.text.splitlines() if line.startswith("event")]
    assert events == ["event: delta", "event: delta", "event: result"]


async def test_a_plugin_in_the_servers_own_process(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    shutil.copy(EXAMPLES / "in_process.py", folder / "slugs.py")
    config = tmp_path / "orchestra.toml"
    config.write_text(f'plugins = "{folder}"\n')
    async with serving(tmp_path, "--config", str(config)) as server:
        await until(lambda: status(server, "slugs"), lambda got: got == "healthy")

        done = await server.client.post(
            "/api/agents/execute",
            json={"agent_type": "slugs", "input_data": {"text": "Hello World"}},
        )

    assert done.json()["output"] == {"slug": "hello-world"}
