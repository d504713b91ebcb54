"""From an event to a real receiver, all of it over HTTP: signed, logged, sent again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from http_peer import Asked, Peer, a_peer
from products import Product
from standardwebhooks.webhooks import Webhook
from webhook_products import a_keeper, a_webhook, come_as

pytestmark = pytest.mark.anyio

PLACED = {"event_type": "order.placed", "source_service": "shop", "source_id": "o-1"}
ORDERS = {"event_filter": {"event_types": ["order.*"]}}


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


async def asked(peer: Peer, count: int = 1) -> list[Asked]:
    """What it was asked, when that was so often."""
    with anyio.fail_after(60):
        while len(peer.asked) < count:  # noqa: ASYNC110 -- another server
            await anyio.sleep(0.01)
    return peer.asked


async def when(found: Callable[[], Awaitable[Any]]) -> Any:
    """What is found, when there is something."""
    with anyio.fail_after(60):
        while not (it := await found()):  # noqa: ASYNC110 -- another replica's doing
            await anyio.sleep(0.02)
    return it


async def deliveries(one: Product, hook: str, **query: str) -> list[dict[str, Any]]:
    answer = await one.http.get(f"/api/webhooks/{hook}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


async def publish(one: Product, **given: Any) -> str:
    answer = await one.post("/api/events/publish", PLACED | given)
    assert answer.status_code == 202, answer.text
    return answer.json()["event_id"]


async def test_an_event_arrives_signed_and_is_in_the_log(
    store_url: str, tmp_path: Path, peer: Peer
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_webhook(one, url=peer.url, **ORDERS)
        event = await publish(one, payload={"total": 12})
        [got] = await asked(peer)
        [attempt] = await when(lambda: deliveries(one, hook["id"]))
        shown = (await one.http.get(f"/api/webhooks/{hook['id']}")).json()

    verified = Webhook(hook["secret"]).verify(got.body, got.headers)
    assert (verified["id"], verified["type"], verified["data"]) == (
        event, "order.placed", {"total": 12},
    )  # fmt: skip
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert attempt["delivery"] == got.headers["webhook-id"]
    assert (attempt["result"], attempt["status"], attempt["address"]) == (
        "delivered", 200, "127.0.0.1",
    )  # fmt: skip
    assert shown["circuit"]["state"] == "closed"
    assert shown["last_success_at"] is not None


async def test_only_what_the_condition_means_is_sent(
    store_url: str, tmp_path: Path, peer: Peer
) -> None:
    wanted = {"event_types": ["order.*"], "expression": "event.data.total > 100"}
    async with a_keeper(store_url, tmp_path) as one:
        await a_webhook(one, url=peer.url, event_filter=wanted, format="plain")
        for total in (1, 500, 2):
            await publish(one, payload={"total": total})
        await publish(one, payload={"total": 101}, source_id="o-2")
        found = await asked(peer, 2)

    assert sorted(got.json["data"]["total"] for got in found) == [101, 500]
    assert {got.json["type"] for got in found} == {"order.placed"}


async def test_a_header_brings_a_secret_to_where_it_may_go(
    store_url: str, tmp_path: Path, peer: Peer
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        secret = {"value": "canary-token-1", "allowed_hosts": ["127.0.0.1"]}
        assert (await one.http.put("/api/secrets/receiver", json=secret)).status_code == 201
        headers = {"Authorization": "Bearer ${secret:receiver}", "X-Team": "a"}
        hook = await a_webhook(one, url=peer.url, headers=headers, **ORDERS)
        tested = await one.post(f"/api/webhooks/{hook['id']}/test")
        [got] = await asked(peer)
        texts = [tested.text, str(await deliveries(one, hook["id"]))]
        shown = await one.http.get(f"/api/webhooks/{hook['id']}")

    assert tested.status_code == 200, tested.text
    assert (got.headers["authorization"], got.headers["x-team"]) == ("Bearer canary-token-1", "a")
    assert "canary-token-1" not in "".join(texts) + shown.text
    assert shown.json()["headers"]["authorization"] == "Bearer ${secret:receiver}"


@pytest.mark.parametrize(
    ("status", "result", "error"), [(200, "delivered", ""), (503, "failed", "status")]
)
async def test_a_test_is_one_real_try_whose_outcome_is_told(
    store_url: str, tmp_path: Path, peer: Peer, status: int, result: str, error: str
) -> None:
    peer.says({"from": "the receiver"}, status)
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_webhook(one, url=peer.url, **ORDERS)
        come_as(one, "operator")
        answer = await one.post(f"/api/webhooks/{hook['id']}/test")
    [got] = peer.asked

    told = answer.json()
    assert (answer.status_code, told["status"], told["trigger"]) == (200, status, "test")
    assert bool(told["error"]) == bool(error)
    assert told["result"] in (result, "dead")
    verified = Webhook(hook["secret"]).verify(got.body, got.headers)
    assert (verified["type"], verified["subject"]) == ("webhook.test", hook["id"])


async def test_a_test_of_what_is_not_there_says_so(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_webhook(one)
        answer = await one.post(f"/api/webhooks/{hook['id']}/test")

    assert answer.status_code == 200
    assert (answer.json()["status"], bool(answer.json()["error"])) == (None, True)


async def test_one_is_sent_again_under_its_id(store_url: str, tmp_path: Path, peer: Peer) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_webhook(one, url=peer.url, **ORDERS)
        await publish(one)
        await asked(peer)
        [attempt] = await when(lambda: deliveries(one, hook["id"]))
        at = f"/api/webhooks/{hook['id']}/deliveries/{attempt['delivery']}"
        again = await one.post(f"{at}/redeliver")
        first, second = await asked(peer, 2)

        async def twice() -> list[Any]:
            found = (await one.http.get(at)).json()["attempts"]
            return found if len(found) == 2 else []

        attempts = await when(twice)
        unknown = [
            await one.http.get(f"/api/webhooks/{hook['id']}/deliveries/dlv_none"),
            await one.post(f"/api/webhooks/{hook['id']}/deliveries/dlv_none/redeliver"),
        ]
        filtered = [
            len(await deliveries(one, hook["id"], **query))
            for query in (
                {"status": "delivered"}, {"status": "dead"}, {"type": "order.placed"},
                {"type": "x"}, {"since": "2020-01-01T00:00:00Z"}, {"since": "2120-01-01T00:00:00Z"},
            )
        ]  # fmt: skip

    assert (again.status_code, again.json()["delivery"]) == (202, attempt["delivery"])
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert [one["trigger"] for one in attempts] == ["redelivery", "event"]
    assert [answer.status_code for answer in unknown] == [404, 404]
    assert filtered == [2, 0, 2, 0, 2, 0]


async def test_what_was_skipped_is_replayed_after_it_is_on_again(
    store_url: str, tmp_path: Path, peer: Peer
) -> None:
    began = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_webhook(one, url=peer.url, **ORDERS)
        at = f"/api/webhooks/{hook['id']}"
        await one.post(f"{at}/disable")
        for n in range(3):
            await publish(one, source_id=f"o-{n}")

        async def skipped() -> bool:
            return len(await deliveries(one, hook["id"], status="skipped")) == 3

        await when(skipped)
        refused = await one.post(f"{at}/replay", {"since": began})
        enabled = (await one.post(f"{at}/enable")).json()
        job = await one.post(f"{at}/replay", {"since": began, "failed_only": True})
        found = await asked(peer, 3)

        async def over() -> Any:
            shown = (await one.http.get(f"{at}/replay")).json()
            return shown if shown["state"] != "running" else None

        ended = await when(over)
        stopped = await one.http.delete(f"{at}/replay")

    assert (refused.status_code, enabled["skipped"], enabled["state"]) == (409, 3, "active")
    assert (job.status_code, job.json()["state"]) == (202, "running")
    assert (ended["state"], ended["sent"]) == ("completed", 3)
    assert stopped.json()["state"] == "completed"
    assert len({got.headers["webhook-id"] for got in found}) == 3


REPLAYS: list[tuple[Any, list[str]]] = [
    ({}, ["/since"]),
    (
        {"since": "yesterday", "until": 7, "per_s": 0, "x": 1, "event_types": ["a b"]},
        ["/event_types/0", "/per_s", "/since", "/until", "/x"],
    ),
    ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, ["/until"]),
    ([], [""]),
]


async def test_a_wrong_replay_is_refused(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        at = f"/api/webhooks/{(await a_webhook(one))['id']}/replay"
        for body, pointers in REPLAYS:
            answer = await one.post(at, body)

            assert answer.status_code == 422
            assert sorted(found["pointer"] for found in answer.json()["errors"]) == pointers
        none = await one.http.get(at)

    assert none.status_code == 404


async def test_a_rotation_loses_no_verification(store_url: str, tmp_path: Path, peer: Peer) -> None:
    """A receiver that has the old secret, then both, then the new one."""
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_webhook(one, url=peer.url, **ORDERS)
        await publish(one, source_id="a")
        await asked(peer)
        new = (await one.post(f"/api/webhooks/{hook['id']}/rotate-secret", {})).json()["secret"]
        await publish(one, source_id="b")
        before, after = await asked(peer, 2)

    Webhook(hook["secret"]).verify(before.body, before.headers)
    for secret in (hook["secret"], new):
        Webhook(secret).verify(after.body, after.headers)


async def test_slack_gets_a_line(store_url: str, tmp_path: Path, peer: Peer) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        await a_webhook(one, url=peer.url, format="slack", **ORDERS)
        await publish(one, payload={"total": 3})
        [got] = await asked(peer)

    assert set(got.json) == {"text"}
    assert got.json["text"].startswith("*order.placed* `o-1`")


async def test_a_deleted_webhook_is_told_nothing_more(
    store_url: str, tmp_path: Path, peer: Peer
) -> None:
    peer.says({}, 503)
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_webhook(one, url=peer.url, **ORDERS)
        await publish(one)
        await asked(peer)
        gone = await one.http.delete(f"/api/webhooks/{hook['id']}")
        other = await a_webhook(one, url=peer.url, **ORDERS)
        await publish(one, source_id="o-2")
        found = await asked(peer, 2)
        log = await one.http.get(f"/api/webhooks/{hook['id']}/deliveries")

    assert (gone.status_code, log.status_code) == (204, 404)
    Webhook(other["secret"]).verify(found[1].body, found[1].headers)
