"""Signals over HTTP: the example that waits, who may send, and all that is refused."""

import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from products import Product, a_product
from webhook_products import come_as

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parents[2] / "examples" / "order-payment.json"
PATIENCE_S = 60.0
WAIT = {"id": "w", "type": "wait", "signal": "go", "timeout": "1h"}


async def executed(one: Product, document: dict[str, Any], given: object = None) -> str:
    """Save and start a workflow; the execution."""
    made = await one.post("/api/workflows", document)
    assert made.status_code == 201, made.text
    at = f"/api/workflows/{made.json()['id']}/execute"
    started = await one.post(at, {"input_data": given or {}})
    assert started.status_code == 202, started.text
    return str(started.json()["id"])


async def until_waiting(one: Product, execution: str, step: str = "w") -> dict[str, Any]:
    """The status, as soon as the step waits."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            shown = (await one.http.get(f"/api/executions/{execution}/status")).json()
            if step in [waiting["step"] for waiting in shown["waiting_for"]]:
                return shown
            await anyio.lowlevel.checkpoint()


async def ended(one: Product, execution: str) -> dict[str, Any]:
    """The status, as soon as it ended."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            shown = (await one.http.get(f"/api/executions/{execution}/status")).json()
            if shown["ended_at"]:
                return shown
            await anyio.lowlevel.checkpoint()


def a_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


async def test_the_example_waits_for_the_payment(store_url: str) -> None:
    order = {"order_id": "o1", "items": [{"sku": "a", "price": 3}], "quiet_time": "0s"}
    async with a_product(store_url) as one:
        execution = await executed(one, json.loads(EXAMPLE.read_text("utf-8")), order)
        waiting = await until_waiting(one, execution, "paid")
        at = f"/api/executions/{execution}/signal"
        sent = await one.post(at, {"name": "payment.received", "payload": {"amount": 3}})
        shown = await ended(one, execution)

    assert waiting["waiting_for"][0]["signal"] == "payment.received"
    assert sent.status_code == 202
    assert sent.json()["steps"] == ["paid"]
    assert sent.headers["location"] == f"/api/executions/{execution}"
    assert shown["status"] == "completed", shown["error"]
    assert shown["output"] == {"order_id": "o1", "payment": {"amount": 3}, "reminded": False}


async def test_every_way_of_being_refused_stores_nothing(store_url: str) -> None:
    async with a_product(store_url) as one:
        execution = await executed(one, {"name": "w", "steps": [WAIT]})
        before = await until_waiting(one, execution)
        at = f"/api/executions/{execution}/signal"

        for body, codes in (
            ({}, ["field.missing"]),
            ({"name": 5, "x": 1}, ["field.type", "field.unknown"]),
            ({"name": "a b"}, ["field.type"]),
            ({"name": ""}, ["field.type"]),
            ({"name": "x" * 129}, ["field.type"]),
            ([], ["field.type"]),
        ):
            problem = a_problem(await one.post(at, body), 422, "request_invalid")
            assert sorted(found["code"] for found in problem["errors"]) == codes
        a_problem(await one.post(at, {"name": "come"}), 404, "no_such_signal")
        for unknown in ("exe_none", "exe_019ab12d-77a0-7e05-8b14-5d2c9e3f6071", "x" * 300):
            answer = await one.post(f"/api/executions/{unknown}/signal", {"name": "go"})
            assert answer.status_code == 404
        large = {"name": "go", "payload": "x" * 262_145}
        assert (await one.post(at, large)).status_code == 413
        long_key = await one.post(at, {"name": "go"}, Idempotency_Key="k" * 256)
        assert long_key.status_code == 422
        headers = {"content-type": "application/json"}
        for text in (b'{"name": "go", "name": "go"}', b"{", b"\xff", b'{"name": "go"} x'):
            answer = await one.http.post(at, content=text, headers=headers)
            assert answer.status_code == 400, answer.text
        after = (await one.http.get(f"/api/executions/{execution}/status")).json()

    assert after["waiting_for"] == before["waiting_for"]


async def test_a_signal_counts_once_and_its_key_repeats_it(store_url: str) -> None:
    steps = [WAIT, {**WAIT, "id": "x", "signal": "other"}]
    async with a_product(store_url) as one:
        execution = await executed(one, {"name": "w", "steps": steps})
        at, body = f"/api/executions/{execution}/signal", {"name": "go", "payload": 1}
        first = await one.post(at, body, Idempotency_Key="k")
        again = await one.post(at, body, Idempotency_Key="k")
        other = await one.post(at, {**body, "payload": 2}, Idempotency_Key="k")
        second = await one.post(at, {**body, "payload": 2})
        await one.post(at, {"name": "other"})
        await ended(one, execution)
        late = await one.post(at, body)
        replayed = await one.post(at, body, Idempotency_Key="k")

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["received_at"] == first.json()["received_at"]
    a_problem(other, 422, "idempotency_mismatch")
    for answer in (second, late):
        told = a_problem(answer, 409, "signal_answered")["first"]
        assert (told["name"], told["payload"], told["by"]) == ("go", 1, "developer")
    assert replayed.status_code == 200


async def test_what_has_ended_takes_no_signals(store_url: str) -> None:
    async with a_product(store_url) as one:
        execution = await executed(one, {"name": "w", "steps": [WAIT]})
        await until_waiting(one, execution)
        await one.post(f"/api/executions/{execution}/cancel")
        answer = await one.post(f"/api/executions/{execution}/signal", {"name": "go"})

    assert a_problem(answer, 409, "wrong_state")["execution_status"] == "cancelled"


async def test_only_who_may_steer_may_send_and_only_in_their_tenant(store_url: str) -> None:
    async with a_product(store_url) as one:
        execution = await executed(one, {"name": "w", "steps": [WAIT]})
        at = f"/api/executions/{execution}/signal"
        come_as(one, "viewer")
        a_problem(await one.post(at, {"name": "go"}), 403, "forbidden")
        come_as(one, "admin", "other")
        a_problem(await one.post(at, {"name": "go"}), 404, "no_such_execution")
        come_as(one, "operator")
        assert (await one.post(at, {"name": "go"})).status_code == 202
