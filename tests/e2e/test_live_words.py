"""The words of a model, on the live stream, while the step of a workflow runs."""

import json
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from http_peer import a_peer

from e2e.served import Server, serving

pytestmark = pytest.mark.anyio

FRAMES: list[object] = [
    {"event": "delta", "text": "Hel"},
    {"event": "delta", "text": "lo"},
    {"event": "result", "output": {"text": "Hello"}},
]


class Follower:
    """Who follows the live stream."""

    def __init__(self) -> None:
        self.begun, self.done = anyio.Event(), anyio.Event()
        self.told: list[Any] = []

    def words(self) -> str:
        """What the model has written."""
        deltas = [one["data"] for one in self.told if one["type"] == "step.output_delta"]
        return "".join(one["text"] for one in deltas)

    def kinds(self) -> set[str]:
        """The types it was told of."""
        return {one["type"] for one in self.told}

    async def follow(self, server: Server) -> None:
        """Until the workflow has ended, and all words are there: the last come a moment later."""
        asked = {"types": "step.**,workflow.*"}
        stream = server.client.stream("GET", "/api/events/stream", params=asked, timeout=300)
        async with stream as answer:
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    self.begun.set()
                if line.startswith("data: "):
                    self.told.append(json.loads(line[6:]))
                if self.words() == "Hello" and "workflow.completed" in self.kinds():
                    self.done.set()
                    return


async def test_the_words_come_while_the_step_runs_and_are_not_kept(tmp_path: Path) -> None:
    follower, execution = Follower(), ""
    async with a_peer() as peer, serving(tmp_path, "--network-allow", "127.0.0.1") as server:
        peer.body = b"".join(msgspec.json.encode(one) + b"\n" for one in FRAMES)
        peer.headers = {"content-type": "application/x-ndjson"}
        await server.register("far", peer.url)
        workflow = await server.make("w", {"id": "s", "agent_type": "far", "task_type": "ask"})
        async with anyio.create_task_group() as group:
            group.start_soon(follower.follow, server)
            await follower.begun.wait()
            execution = await server.start(workflow)
            with anyio.fail_after(60):
                await follower.done.wait()
        listed = await server.client.get("/api/events", params={"key": execution})

    words = [one["data"] for one in follower.told if one["type"] == "step.output_delta"]
    assert {(one["execution_id"], one["step"]) for one in words} == {(execution, "s")}
    kinds = {one["type"] for one in listed.json()["events"]}
    assert "step.completed" in kinds
    assert "step.output_delta" not in kinds
