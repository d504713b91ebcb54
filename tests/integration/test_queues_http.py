"""Queues over HTTP: waiting for messages, who may, whose they are, what is wrong."""

import anyio
import pytest
from products import a_product

from orchestra.clock import SystemClock

pytestmark = pytest.mark.anyio


async def test_a_waiting_receiver_is_answered_when_a_message_comes_on_another_replica(
    store_url: str,
) -> None:
    async with a_product(store_url) as one, a_product(store_url) as two:
        await one.post("/api/queues/", {"name": "q"})
        found: list[object] = []

        async def receive() -> None:
            answer = await one.post("/api/queues/q/receive", {"wait_ms": 20_000})
            found.extend(message["body"] for message in answer.json()["messages"])

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(receive)
                await anyio.sleep(0.2)
                await two.post("/api/queues/q/messages", {"body": {"n": 1}})

        assert found == [{"n": 1}]


async def test_a_receiver_waits_no_longer_than_it_said(store_url: str) -> None:
    async with a_product(store_url) as one:
        await one.post("/api/queues/", {"name": "q"})
        clock = SystemClock()
        before = clock.monotonic()

        answer = await one.post("/api/queues/q/receive", {"wait_ms": 150})

        assert answer.json() == {"messages": []}
        assert clock.monotonic() - before >= 0.15


async def test_the_path_of_a_message(store_url: str) -> None:
    async with a_product(store_url) as one:
        await one.post("/api/queues/", {"name": "q", "tries_max": 1})
        ids = (await one.post("/api/queues/q/messages", {"body": [1, None]})).json()["ids"]
        await one.post("/api/queues/other/messages", {"body": 1})
        [message] = (await one.post("/api/queues/q/receive", {})).json()["messages"]
        foreign = await one.post("/api/queues/other/ack", {"receipts": [message["receipt"]]})
        nacked = await one.post(
            "/api/queues/q/nack", {"receipts": [message["receipt"], "x"], "error": "too odd"}
        )
        [letter] = (await one.http.get("/api/queues/q/dead")).json()["messages"]
        shown = (await one.http.get("/api/queues/q")).json()
        redriven = (await one.post("/api/queues/q/redrive", {"ids": ids})).json()
        again = (await one.post("/api/queues/q/redrive", {"ids": ids})).json()

        assert (message["id"], message["body"], message["attempt"]) == (ids[0], [1, None], 1)
        assert [part["result"] for part in foreign.json()["results"]] == ["gone"]
        assert [part["result"] for part in nacked.json()["results"]] == ["ok", "gone"]
        assert (letter["id"], letter["error"], letter["attempts"]) == (ids[0], "too odd", 1)
        assert (shown["depth"], shown["dead"]) == (0, 1)
        assert (redriven["moved"], again["moved"]) == (1, 0)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", {"name": "../x"}, 422),
        ("", {"name": "q", "tries_max": 10**12}, 422),
        ("/A%20b/messages", {"body": 1}, 422),
        ("/q/messages", {"body": 1, "delay_ms": -1, "priority": "x"}, 422),
        ("/q/messages", {"messages": [{"body": 1}] * 101}, 422),
        ("/q/messages", [], 422),
        ("/q/messages", {"body": "x" * 300_000}, 422),
        ("/q/messages", {"body": "x" * 1_200_000}, 413),
        ("/none/receive", {}, 404),
        ("/none/redrive", {"all": True}, 404),
        ("/q/ack", {"receipts": ["x"] * 101}, 422),
        ("/q/redrive", {"ids": ["x"], "per_s": 0}, 422),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_is_kept(
    store_url: str, path: str, body: object, status: int
) -> None:
    async with a_product(store_url) as one:
        answer = await one.post(f"/api/queues{path}", body)
        kept = (await one.http.get("/api/queues/")).json()["queues"]

    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == status
    assert kept == []
