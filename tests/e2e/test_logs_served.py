"""The log of real servers: followed from another one, found after a kill, as on stdout."""

import json
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
import pytest

from e2e.served import Server, a_store, serving, until

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

EXECUTIONS = 50
SLACK_S = 8.0
"""The open second, and what a machine adds that stands still meanwhile."""


async def test_a_kill_loses_at_most_the_open_second(tmp_path: Path) -> None:
    options = ("--log-format", "json", "--log-level", "debug")
    followed: list[bytes] = []
    with a_store(tmp_path) as store:
        options += ("--store-url", store.url)
        safe = ""
        async with (
            serving(tmp_path, *options) as dying,
            serving(tmp_path, *options) as staying,
            anyio.create_task_group() as group,
        ):
            await group.start(follow, staying, followed)
            workflow = await dying.make("w", {"id": "t", "type": "transform", "input_data": {}})
            group.start_soon(load, dying, workflow)
            await until(lambda: seconds(staying), lambda n: n >= SLACK_S + 1)
            dying.signal(signal.SIGKILL)
            safe = (datetime.now(UTC) - timedelta(seconds=SLACK_S)).isoformat()
            await dying.gone()
            group.cancel_scope.cancel()
        # The block above is left: what was open is sealed by nobody, and found all the same.
        async with serving(tmp_path, *options) as third:
            answer = await third.client.get("/api/logs/export", timeout=300)

    kept = set(answer.text.splitlines())
    told = [line for line in dying.log.read_text("utf-8").splitlines() if line.startswith("{")]
    early = [line for line in told if json.loads(line)["ts"] < safe]
    assert len(early) > EXECUTIONS
    assert [line for line in early if line not in kept] == []
    assert answer.text.splitlines() == sorted(answer.text.splitlines())
    assert sum(b"execution.ended" in line for line in followed) >= EXECUTIONS
    assert {line.decode() for line in followed} <= kept


async def seconds(server: Server) -> float:
    """How far the ends of executions in the log are apart, as this server sees it."""
    times: list[datetime] = []
    for order in ("oldest", "newest"):
        query = {"q": "event:execution.ended", "limit": "1", "order": order}
        answer = await server.client.get("/api/logs/search", params=query)
        times += [datetime.fromisoformat(line["ts"]) for line in answer.json()["lines"]]
    return (times[-1] - times[0]).total_seconds() if times else 0.0


async def load(server: Server, workflow: str) -> None:
    """Executions until the server is gone."""
    with suppress(httpx.HTTPError):
        while True:
            await server.start(workflow)


async def follow(
    server: Server,
    followed: list[bytes],
    *,
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """All lines as they come."""
    async with server.client.stream("GET", "/api/logs/tail", timeout=300) as answer:
        name = ""
        async for line in answer.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
                if name == "open":
                    task_status.started()
            elif field == "data" and name == "line":
                followed.append(value.encode())
