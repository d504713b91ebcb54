"""Calls of every route of webhooks, good and bad: what its description is held against."""

from functools import partial
from typing import Any

import anyio
import httpx
from http_peer import a_peer

SINCE = {"since": "2026-01-01T00:00:00Z"}
ORDERS = {"event_types": ["order.*"], "expression": "event.data.n > 0"}


async def ask_webhooks(http: httpx.AsyncClient) -> None:
    """Endpoints: made, changed, sent to, sent to again."""
    at = "/api/webhooks/"
    async with a_peer() as peer:
        wanted = {"name": "x", "url": peer.url, "event_filter": ORDERS}
        named = {"idempotency-key": "w"}
        made = await _ok(http.post(at, json=wanted, headers=named), 201)
        await _ok(http.post(at, json=wanted, headers=named), 201)
        for wrong in ({**wanted, "name": "y"}, {"x": 1}, {**wanted, "url": "http://10.0.0.1/"}):
            await http.post(at, json=wrong, headers=named)
        await http.post(at, json={**wanted, "name": "x" * 200_000})
        here = f"{at}{made['id']}"
        for path in ("", "/deliveries", "/deliveries?status=dead&type=x&limit=1"):
            await _ok(http.get(here + path))
        await _ok(http.get(f"{at}?limit=1"))
        await http.get(f"{at}?cursor=x")
        await http.get(f"{here}/deliveries?cursor=x")
        for method, path in (
            ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/enable"), ("POST", "/test"),
            ("POST", "/rotate-secret"), ("GET", "/replay"), ("POST", "/deliveries/x/redeliver"),
        ):  # fmt: skip
            await http.request(method, f"{at}none{path}", json={})
        await _ok(http.patch(here, json={"rate_per_s": 5}))
        await http.patch(here, json={"rate_per_s": -5})
        await http.patch(here, json={}, headers={"if-match": '"77"'})
        await _ok(http.post(f"{here}/test"))
        event = {"event_type": "order.placed", "source_service": "shop", "source_id": "w"}
        await http.post("/api/events/publish", json=event | {"payload": {"n": 1}})
        sent = f"{here}/deliveries?type=order.placed"
        with anyio.fail_after(60):
            while not (log := await _ok(http.get(sent)))["deliveries"]:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        delivery = f"{here}/deliveries/{log['deliveries'][0]['delivery']}"
        await _ok(http.get(delivery))
        await http.get(f"{here}/deliveries/none")
        await _ok(http.post(f"{delivery}/redeliver"), 202)
        await http.post(f"{here}/deliveries/none/redeliver")
        await http.get(f"{here}/replay")
        await _ok(http.post(f"{here}/replay", json={**SINCE, "per_s": 1}), 202)
        await http.post(f"{here}/replay", json=SINCE)
        await http.post(f"{here}/replay", json={"since": 1})
        await _ok(http.get(f"{here}/replay"))
        await _ok(http.delete(f"{here}/replay"))
        for _ in range(6):
            await http.post(f"{here}/rotate-secret", json={"overlap_h": 1})
        await _ok(http.post(f"{here}/rotate-secret", json={"overlap_h": 0}))
        await http.post(f"{here}/rotate-secret", json={"overlap_h": 999})
        await _ok(http.post(f"{here}/disable"))
        await http.post(f"{here}/replay", json=SINCE)
        await http.post(f"{delivery}/redeliver")
        await _ok(http.post(f"{here}/enable"))
        assert (await http.delete(here)).status_code == 204


async def ask_hooks(http: httpx.AsyncClient) -> None:
    """Inbound hooks: made, changed, told something."""
    at = "/api/webhooks/inbound"
    signal = {"signal": {"execution": "${input.id}", "name": "go"}}
    for body in ({"name": "a", "target": signal, "rate_per_s": 1}, {"name": "b"}, {"x": 1}):
        await http.post(at, json=body)
    made = await _ok(http.post(at, json={"name": "c", "public": True}), 201)
    signed = (await _ok(http.get(at)))["hooks"][0]
    here = f"{at}/{signed['id']}"
    await _ok(http.get(here))
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret")):
        await http.request(method, f"{at}/none{path}", json={})
    await _ok(http.patch(here, json={"name": "d"}))
    await http.patch(here, json={"name": 1})
    await http.patch(here, json={}, headers={"if-match": '"77"'})
    await _ok(http.post(f"{here}/rotate-secret", json={"overlap_h": 0}))
    await http.post(f"{at}/{made['id']}/rotate-secret")
    inside = f"/api/webhooks/in/{made['id']}"
    await http.post(f"/api/webhooks/in/{signed['id']}", json={})
    await http.post(inside, content=b"<x/>", headers={"content-type": "text/xml"})
    await http.post(inside, content=b"{", headers={"content-type": "application/json"})
    await http.post(inside, json="x" * 250_000)
    await _ok(http.post(inside, json={"n": 1}), 202)
    slow = await _ok(http.post(at, json={"name": "e", "public": True, "rate_per_s": 1}), 201)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(partial(http.post, f"/api/webhooks/in/{slow['id']}", json={}))
    slack = {"name": "s", "scheme": "slack", "secret": "x" * 16}
    await http.post(at, json=slack)
    assert (await http.delete(here)).status_code == 204


async def _ok(call: Any, status: int = 200) -> Any:
    answer: httpx.Response = await call
    assert answer.status_code == status, answer.text
    return answer.json()
