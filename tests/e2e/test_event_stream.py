"""The live stream over real servers: one is killed, and who follows it misses nothing."""

import json
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import pytest

from e2e.served import Server, a_store, serving, until

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

BEFORE, AFTER = 200, 200


@dataclass
class Follower:
    """A client that comes back with the last id it was given, as browsers do."""

    last_id: str = ""
    numbers: list[int] = field(default_factory=list[int])
    kinds: list[str] = field(default_factory=list[str])
    resyncs: int = 0

    async def follow(self, server: Server, last: int) -> None:
        """Until the number was told, or the connection ends."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        with suppress(httpx.HTTPError):
            async with server.client.stream(
                "GET", "/api/events/stream", headers=headers, timeout=60
            ) as answer:
                assert answer.status_code == 200
                async for line in answer.aiter_lines():
                    self._line(line)
                    if self.numbers and self.numbers[-1] == last:
                        return

    async def begun(self) -> None:
        """Return when it was told where it is."""

        async def last() -> str:
            return self.last_id

        await until(last, bool)

    def _line(self, line: str) -> None:
        name, _, value = line.partition(": ")
        match name:
            case "id":
                self.last_id = value
            case "event":
                self.kinds.append(value)
                self.resyncs += value == "resync"
            case "data" if self.kinds[-1] == "count.made":
                self.numbers.append(int(json.loads(value)["data"]))
            case _:
                pass


async def publish(server: Server, numbers: range) -> None:
    for number in numbers:
        event = {"event_type": "count.made", "source_service": "test", "payload": number}
        answer = await server.client.post(
            "/api/events/publish", json=event | {"source_id": f"k{number % 5}"}
        )
        assert answer.status_code == 202, answer.text


async def test_a_client_that_comes_back_after_a_kill_has_missed_nothing(tmp_path: Path) -> None:
    follower = Follower()
    with a_store(tmp_path) as store:
        options = ("--store-url", store.url)
        async with (
            serving(tmp_path, *options) as dying,
            serving(tmp_path, *options) as staying,
        ):
            workflow = await staying.make(
                "w",
                {"agent_type": "text_processor", "task_type": "sentiment_analysis", "text": "x"},
            )
            async with anyio.create_task_group() as group:
                group.start_soon(follower.follow, dying, -1)
                await follower.begun()
                await publish(staying, range(BEFORE))
                dying.signal(signal.SIGKILL)
            execution = await staying.start(workflow)
            await staying.ended(execution)
            await publish(staying, range(BEFORE, BEFORE + AFTER))
            with anyio.fail_after(120):
                while BEFORE + AFTER - 1 not in follower.numbers:
                    await follower.follow(staying, BEFORE + AFTER - 1)

    assert set(follower.numbers) == set(range(BEFORE + AFTER))
    assert follower.resyncs == 0
    # Twice only what came within the second of an id.
    assert len(follower.numbers) - len(set(follower.numbers)) <= BEFORE
    assert {"workflow.started", "step.completed", "workflow.completed"} <= set(follower.kinds)


async def test_streams_end_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    async with serving(tmp_path, "--drain-notice-s", "0") as server:
        follower, code = Follower(), -1
        async with anyio.create_task_group() as group:
            group.start_soon(follower.follow, server, -1)
            await follower.begun()
            server.signal(signal.SIGTERM)
            code = await server.gone()

    assert code == 0
