"""The log of real servers: followed from another one, found after a kill, as on stdout."""

import json
import signal
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import anyio
import httpx
import pytest

from e2e.served import Server, a_store, serving

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

ENDS = 50
SLACK_S, GAP_S = 6.0, 0.25
"""The open second, with a margin, of the time in which the process ran: under this load it says
something all the time, and where it is silent for longer something has held it up.
"""


async def test_a_kill_loses_at_most_the_open_second(tmp_path: Path) -> None:
    options = ("--log-format", "json", "--log-level", "debug")
    followed: list[bytes] = []
    with a_store(tmp_path) as store:
        options += ("--store-url", store.url)
        async with (
            serving(tmp_path, *options) as dying,
            serving(tmp_path, *options) as staying,
            anyio.create_task_group() as group,
        ):
            await group.start(follow, staying, followed)
            workflow = await dying.make("w", {"id": "t", "type": "transform", "input_data": {}})
            group.start_soon(load, dying, workflow)
            with anyio.fail_after(300):
                # Two other processes say when it is enough.
                while min(ends(early(dying)), ends(followed)) < ENDS:  # noqa: ASYNC110  # processes
                    await anyio.sleep(0.5)
            dying.signal(signal.SIGKILL)
            await dying.gone()
            group.cancel_scope.cancel()
        # The block above is left: what was open is sealed by nobody, and found all the same.
        async with serving(tmp_path, *options) as third:
            answer = await third.client.get("/api/logs/export", timeout=300)

    kept = set(answer.text.splitlines())
    assert [line for line in early(dying) if line.decode() not in kept] == []
    assert answer.text.splitlines() == sorted(answer.text.splitlines())
    assert {line.decode() for line in followed} <= kept


def early(server: Server) -> list[bytes]:
    """The lines it said, but those after which it ran for no longer than the slack."""
    text = server.log.read_bytes()
    lines = [line for line in text[: text.rfind(b"\n") + 1].splitlines() if line[:1] == b"{"]
    times = [datetime.fromisoformat(json.loads(line)["ts"]).timestamp() for line in lines]
    ran_s = 0.0
    for later, earlier in pairwise(reversed(times)):
        ran_s += min(abs(later - earlier), GAP_S)
        del lines[-1]
        if ran_s > SLACK_S:
            return lines
    return []


def ends(lines: list[bytes]) -> int:
    """How many of them tell the end of an execution."""
    return sum(b"execution.ended" in line for line in lines)


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
