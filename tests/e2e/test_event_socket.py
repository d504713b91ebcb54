"""The live stream over a WebSocket, at a real server: told, resumed, refused, bounded."""

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from sockets import Socket, a_socket

from e2e.served import Server, serving
from orchestra.security.key_text import new_key

pytestmark = pytest.mark.anyio

AT = "/api/events/ws"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path, "--streams-each-max", "3") as one:
        yield one


async def publish(server: Server, *numbers: int, kind: str = "count.made") -> None:
    for n in numbers:
        event = {"event_type": kind, "source_service": "test", "source_id": "k", "payload": n}
        answer = await server.client.post("/api/events/publish", json=event)
        assert answer.status_code == 202, answer.text


async def numbers(socket: Socket, count: int) -> list[Any]:
    return [(await socket.until("event"))["event"]["data"] for _ in range(count)]


async def test_events_are_told_filtered_and_resumed(server: Server) -> None:
    async with a_socket(server.url, f"{AT}?types=count.*") as socket:
        begun = await socket.until("position")
        await publish(server, 0, kind="other.made")
        await publish(server, 1, 2)
        first = await numbers(socket, 2)
    await publish(server, 3)
    async with a_socket(server.url, f"{AT}?types=count.*&since={begun['position']}") as socket:
        again = await numbers(socket, 3)
    async with a_socket(server.url, f"{AT}?types=count.*&since=AQA&follow=false") as socket:
        kept = await numbers(socket, 3)
        end = await socket.part()
        while end is not None:
            end = await socket.part()

    assert (first, again, kept) == ([1, 2], [1, 2, 3], [1, 2, 3])
    assert socket.closed is not None
    assert socket.closed[0] == 1000


REFUSED: list[tuple[str, dict[str, str], int]] = [
    (AT, {"origin": "http://evil.example"}, 403),
    (AT, {"origin": "http://127.0.0.1:1"}, 403),
    (AT, {"sec_fetch_site": "cross-site"}, 403),
    (AT, {"host": "evil.example"}, 421),
    (AT, {"authorization": "Bearer orc_live_nobody_has_this_key"}, 401),
    (f"{AT}?key=orc_live_nobody_has_this_key", {}, 401),
    (f"{AT}?types=..", {}, 422),
    (f"{AT}?follow=perhaps&more=1", {}, 422),
    (f"{AT}?since=nonsense", {}, 400),
    ("/api/events/none", {}, 404),
    ("/livez", {}, 404),
    ("/docs", {}, 404),
]


async def test_what_is_refused_over_http_is_refused_here(server: Server) -> None:
    told: list[int] = []
    for target, headers, _ in REFUSED:
        async with a_socket(server.url, target, **headers) as socket:
            told.append(socket.status)
    plain = await server.client.get(AT)

    assert told == [status for *_, status in REFUSED]
    assert plain.status_code == 426
    assert plain.json()["code"] == "upgrade_required"


async def test_one_caller_has_so_many_and_gets_them_back(server: Server) -> None:
    async with a_socket(server.url) as first, a_socket(server.url), a_socket(server.url):
        assert first.status == 101
        async with a_socket(server.url) as over:
            assert over.status == 429
            assert json.loads(over.refusal)["code"] == "streams_exhausted"
    with anyio.fail_after(60):
        status = 429
        while status == 429:
            async with a_socket(server.url) as again:
                status = again.status

    assert status == 101


async def test_a_client_that_speaks_is_closed(server: Server) -> None:
    async with a_socket(server.url) as talks, a_socket(server.url) as shouts:
        await talks.say("hello?")
        await shouts.say("x" * 10_000)
        for socket in (talks, shouts):
            while await socket.part() is not None:
                pass

    assert talks.closed is not None
    assert talks.closed[0] == 1003
    assert shouts.closed is not None
    assert shouts.closed[0] == 1009


async def test_sockets_end_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, "--drain-notice-s", "0") as server,
        a_socket(server.url) as socket,
    ):
        await socket.until("position")
        server.signal(signal.SIGTERM)
        while await socket.part() is not None:
            pass
        code = await server.gone()

    assert socket.closed is not None
    assert socket.closed[0] == 1012
    assert code == 0


async def test_a_key_comes_in_a_header_or_the_first_message(tmp_path: Path) -> None:
    key, key_file = new_key(), tmp_path / "key"
    key_file.write_text(key)
    key_file.chmod(0o600)
    options = ("--auth-mode", "required", "--admin-key-file", str(key_file))
    async with serving(tmp_path, *options) as server:
        server.client.headers["authorization"] = f"Bearer {key}"
        async with (
            a_socket(server.url, authorization=f"Bearer {key}") as by_header,
            a_socket(server.url, origin="http://dashboard.example") as by_message,
            a_socket(server.url) as wrong,
            a_socket(server.url) as nothing,
        ):
            await by_message.say(json.dumps({"key": key}))
            await wrong.say(json.dumps({"key": key[:-4] + "zzzz"}))
            await nothing.say("{}")
            for one in (by_header, by_message):
                await one.until("position")
            await publish(server, 7)
            told = [await numbers(one, 1) for one in (by_header, by_message)]
            for one in (wrong, nothing):
                assert await one.part() is None

    assert told == [[7], [7]]
    assert wrong.closed == (4401, "unauthenticated")
    assert nothing.closed == (4401, "unauthenticated")
