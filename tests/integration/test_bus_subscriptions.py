"""Subscriptions of clients outside, over HTTP: made, pulled, acknowledged, and each its own."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from durable_readers import eventually
from edge import a_client
from products import a_product

from orchestra.app import Ports, prepare, running
from orchestra.bus.readers import subscriptions
from orchestra.clock import SystemClock
from orchestra.settings import Settings
from orchestra.store import keys
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio

AT = "/api/events/subscriptions"


@pytest.fixture
async def http(store_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    async with running(settings, stage), a_client(stage) as client:
        yield client


async def made(http: httpx.AsyncClient, name: str = "s", **fields: Any) -> dict[str, Any]:
    answer = await http.post(AT, json={"name": name} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def publish(http: httpx.AsyncClient, *numbers: int, kind: str = "order.placed") -> None:
    for n in numbers:
        event = {"event_type": kind, "source_service": "shop", "source_id": "o", "payload": n}
        answer = await http.post("/api/events/publish", json=event)
        assert answer.status_code == 202


async def pull(http: httpx.AsyncClient, wait_ms: int = 0, most: int = 50) -> tuple[list[int], Any]:
    answer = await http.post(f"{AT}/s/pull", json={"max": most, "wait_ms": wait_ms})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return [event["data"] for event in found["events"]], found["cursor"]


async def ack(http: httpx.AsyncClient, cursor: Any) -> int:
    answer = await http.post(f"{AT}/s/ack", json={"cursor": cursor})
    return answer.status_code


async def test_what_is_acknowledged_does_not_come_again(http: httpx.AsyncClient) -> None:
    await made(http, event_filter={"event_types": ["order.*"]})
    await publish(http, 1, 2)
    await publish(http, 3, kind="parcel.sent")
    await publish(http, 4)
    first, cursor = await pull(http, 20_000, most=2)
    assert await ack(http, cursor) == 200
    assert await ack(http, cursor) == 200
    second, cursor = await pull(http, 20_000)
    assert await ack(http, cursor) == 200

    assert (first, second) == ([1, 2], [4])
    assert await pull(http) == ([], None)


async def test_two_clients_never_have_the_same_events(http: httpx.AsyncClient) -> None:
    await made(http)
    await publish(http, *range(5))
    first, cursor = await pull(http, 20_000)
    assert await pull(http) == ([], None)
    waiting: list[Any] = []

    async def wait() -> None:
        waiting.append(await pull(http, 20_000))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await publish(http, 5)
        await ack(http, cursor)

    assert first == list(range(5))
    assert waiting[0][0] == [5]


async def test_what_is_not_acknowledged_comes_again(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "LEASE_MS", 300)
    await made(http)
    await publish(http, 1, 2)
    first, lost = await pull(http, 20_000)
    await publish(http, 3)
    monkeypatch.setattr(subscriptions, "LEASE_MS", 30_000)
    second, cursor = await pull(http, 20_000)
    with anyio.fail_after(60):
        while len(second) < 3:  # the last one may not have been seen yet
            assert await ack(http, cursor) == 200
            more, cursor = await pull(http, 20_000)
            second += more

    assert (first, second) == ([1, 2], [1, 2, 3])
    assert await ack(http, lost) == 409
    assert await ack(http, cursor) == 200


async def test_who_waits_is_told_at_once(http: httpx.AsyncClient) -> None:
    await made(http)
    found: list[Any] = []

    async def wait() -> None:
        found.append(await pull(http, 20_000))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(0.2)
            await publish(http, 7)
    assert found[0][0] == [7]


async def test_a_client_that_leaves_while_it_waits_holds_nothing(http: httpx.AsyncClient) -> None:
    await made(http)
    with anyio.move_on_after(0.2):
        await pull(http, 20_000)
    await publish(http, 1)

    assert (await pull(http, 20_000))[0] == [1]


async def test_lag_is_what_waits_and_how_old_it_is(http: httpx.AsyncClient) -> None:
    await made(http, event_filter={"event_types": ["order.*"], "sources": ["shop"], "keys": ["o"]})
    before = SystemClock().now_ms()
    await publish(http, 1, 2, 3)
    await publish(http, 4, kind="parcel.sent")

    async def behind() -> bool:
        return (await http.get(f"{AT}/s")).json()["lag"]["events"] == 3

    await eventually(behind)
    lag = (await http.get(f"{AT}/s")).json()["lag"]
    since_ms = SystemClock().now_ms() - before

    assert lag["events"] == 3
    assert not lag["more"]
    assert 0 <= lag["oldest_age_ms"] <= since_ms + 1


async def test_the_same_again_is_the_same_and_another_is_refused(http: httpx.AsyncClient) -> None:
    one = await made(http, start="oldest")

    assert await made(http, start="oldest") == one
    assert (await http.post(AT, json={"name": "s"})).status_code == 409
    assert (await http.get(AT)).json() == {"subscriptions": [one]}
    assert (await http.delete(f"{AT}/s")).status_code == 204
    assert (await http.delete(f"{AT}/s")).status_code == 404
    assert (await http.get(f"{AT}/s")).status_code == 404


async def test_a_tenant_has_a_hundred(http: httpx.AsyncClient) -> None:
    for n in range(100):
        await made(http, f"s{n}")
    refused = await http.post(AT, json={"name": "one-more"})

    assert refused.status_code == 409
    assert refused.json()["code"] == "quota"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "A b"},
        {"name": "s", "event_filter": {"event_types": ["a..b"]}},
        {"name": "s", "event_filter": {"event_types": [".."] * 51}},
        {"name": "s", "other": 1},
        {"name": 1, "event_filter": []},
    ],
)
async def test_wrong_bodies_are_refused(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await http.post(AT, json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert (await http.get(AT)).json() == {"subscriptions": []}


async def test_a_wrong_start_a_wrong_pull_and_a_wrong_cursor_are_refused(
    http: httpx.AsyncClient,
) -> None:
    assert (await http.post(AT, json={"name": "s", "start": "then"})).status_code == 400
    await made(http)
    assert (await http.post(f"{AT}/s/pull", json={"max": 201})).status_code == 422
    assert (await http.post(f"{AT}/s/pull", json={"wait_ms": 20_001})).status_code == 422
    assert (await http.post(f"{AT}/none/pull", json={})).status_code == 404
    assert (await http.post(f"{AT}/none/ack", json={"cursor": "x"})).status_code == 404
    assert await ack(http, "x") == 409


async def test_it_begins_at_a_position_of_the_live_stream(http: httpx.AsyncClient) -> None:
    await publish(http, 1)
    lines: list[str] = []
    with anyio.fail_after(60):
        while "event: order.placed" not in lines:
            told = await http.get("/api/events/stream?since=AQA&follow=false")
            lines = told.text.splitlines()
    position = [line for line in lines if line.startswith("id: ")][-1][4:]
    await publish(http, 2)
    await made(http, start=position)

    assert (await pull(http, 20_000))[0] == [2]


@pytest.mark.parametrize("start", ["event", "instant"])
async def test_a_subscription_begins_behind_an_event_or_at_an_instant(
    http: httpx.AsyncClient, start: str
) -> None:
    await publish(http, 1, 2)
    listed = await http.get("/api/events", params={"types": "order.*", "order": "oldest"})
    events = {one["data"]: one for one in listed.json()["events"]}
    begin = events[1]["id"] if start == "event" else events[1]["time"]
    body = await made(http, start=begin)
    await publish(http, 3)
    found, cursor = await pull(http, 20_000)
    while found[-1] != 3:
        await ack(http, cursor)
        more, cursor = await pull(http, 20_000)
        found += more

    assert body["start"] == begin
    assert found == ([2, 3] if start == "event" else [1, 2, 3])


@pytest.mark.parametrize(
    "start",
    [
        "evt_01a20606-6821-7000-8000-0400000000b0",
        "evt_none",
        "yesterday",
        "2026-11-23",
        "2026-13-01T00:00:00Z",
    ],
)
async def test_no_subscription_begins_where_nothing_is(http: httpx.AsyncClient, start: str) -> None:
    answer = await http.post(AT, json={"name": "s", "start": start})

    assert answer.status_code == 400
    assert (await http.get(AT)).json() == {"subscriptions": []}


async def test_a_client_that_was_overtaken_is_told_of_the_gap(store_url: str, store: Store) -> None:
    async with a_product(store_url) as product:
        http = product.http
        await made(http)
        await publish(http, 1)
        _, cursor = await pull(http, 20_000)
        await ack(http, cursor)
        await publish(http, 2, 3)
    for tag in store.partitions:
        prefix = store.prefix(tag)
        await store.call(prefix, "XTRIM", keys.published(prefix), "MAXLEN", 1)
    async with a_product(store_url) as product:
        answer = await product.http.post(f"{AT}/s/pull", json={"wait_ms": 5_000})
        told = answer.json()
        assert await ack(product.http, told["cursor"]) == 200
        after = (await product.http.post(f"{AT}/s/pull")).json()

    (gap,) = told["gaps"]
    assert gap["from"] <= gap["to"]
    assert [one["data"] for one in told["events"]] == [3]
    assert after == {"events": [], "cursor": None, "gaps": []}
