"""Inbound hooks that start workflows and answer waiting steps: once, or it is told why not."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from products import Product
from standardwebhooks.webhooks import Webhook
from webhook_products import a_keeper

pytestmark = pytest.mark.anyio

PATIENCE_S = 60.0
ECHO = {"id": "echo", "type": "transform", "input_data": "${input}"}
WAIT = {"id": "w", "type": "wait", "signal": "approved", "timeout": "1h"}


async def saved(one: Product, *steps: dict[str, Any], **fields: Any) -> str:
    """A workflow of these steps; its id."""
    made = await one.post("/api/workflows", {"name": "w", "steps": steps, **fields})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def a_hook(one: Product, **target: Any) -> dict[str, Any]:
    wish = {"name": "outside", "target": target, "rate_per_s": 500}
    answer = await one.post("/api/webhooks/inbound", wish)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def send(one: Product, hook: dict[str, Any], body: object, name: str = "msg_1") -> str:
    """A signed request of the sender's; the id of the event it became."""
    text = json.dumps(body)
    now = datetime.now(UTC)
    signature = Webhook(hook["secret"]).sign(name, now, text)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }
    answer = await one.http.post(f"/api/webhooks/in/{hook['id']}", content=text, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["event_id"])


async def events(one: Product, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """Events of a type, as soon as there are so many."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            answer = await one.http.get("/api/events/", params={"types": kind})
            found: list[dict[str, Any]] = answer.json()["events"]
            if len(found) >= count:
                return found
            await anyio.lowlevel.checkpoint()


async def status(one: Product, execution: str) -> dict[str, Any]:
    return (await one.http.get(f"/api/executions/{execution}/status")).json()


async def until_waiting(one: Product, execution: str) -> None:
    with anyio.fail_after(PATIENCE_S):
        while not (await status(one, execution))["waiting_for"]:
            await anyio.lowlevel.checkpoint()


async def test_a_hook_starts_a_workflow_once(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        workflow = await saved(one, ECHO)
        hook = await a_hook(one, workflow=workflow)

        events_told = {await send(one, hook, {"ref": "main"}) for _ in range(3)}
        await send(one, hook, {"ref": "other"}, "msg_2")
        ended = await events(one, "workflow.completed", 2)
        shown = {one_["subject"]: await status(one, one_["subject"]) for one_ in ended}
        histories = [
            (await one.http.get(f"/api/executions/{execution}/history")).json()["items"]
            for execution in shown
        ]
        listed = (await one.http.get("/api/executions/")).json()["items"]

    assert [told[:4] for told in events_told] == ["evt_"]
    assert len(listed) == 2
    assert sorted(document["output"]["ref"] for document in shown.values()) == ["main", "other"]
    assert {items[0]["actor"]["id"] for items in histories} == {f"hook:{hook['id']}"}
    assert {items[0]["actor"]["type"] for items in histories} == {"hook"}


async def test_a_hook_answers_a_waiting_step(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        workflow = await saved(one, WAIT)
        execution = (await one.post(f"/api/workflows/{workflow}/execute", {})).json()["id"]
        await until_waiting(one, execution)
        signal = {"execution": "${input.order.execution}", "name": "approved"}
        hook = await a_hook(one, signal=signal)

        await send(one, hook, {"order": {"execution": execution}, "by": "ann"})
        await events(one, "workflow.completed")
        shown = await status(one, execution)

    assert shown["output"]["by"] == "ann"


async def test_what_is_refused_is_told_and_goes_to_the_dead_letters(
    store_url: str, tmp_path: Path
) -> None:
    schema = {"type": "object", "required": ["ref"]}
    async with a_keeper(store_url, tmp_path) as one:
        picky = await saved(one, ECHO, name="picky", input_schema=schema)
        waits = await saved(one, WAIT, name="waits")
        execution = (await one.post(f"/api/workflows/{waits}/execute", {})).json()["id"]
        signal = {"execution": execution, "name": "approved"}
        hooks = {
            "input_invalid": await a_hook(one, workflow=picky),
            "no_such_workflow": await a_hook(one, workflow="wfl_none"),
            "no_such_execution": await a_hook(one, signal={**signal, "execution": "exe_none"}),
            "no_such_signal": await a_hook(one, signal={**signal, "name": "other"}),
        }
        sent = {code: await send(one, hook, {"x": 1}) for code, hook in hooks.items()}
        failed = await events(one, "trigger.failed", 4)
        twice = await a_hook(one, signal=signal)
        for number in range(2):
            sent["signal_answered"] = await send(one, twice, number, f"m{number}")
        failed = await events(one, "trigger.failed", 5)
        shown = await status(one, execution)

    told = {event["data"]["code"]: event for event in failed}
    assert {code: event["data"]["event_id"] for code, event in told.items()} == sent
    assert {code: told[code]["subject"] for code in hooks} == {
        code: hook["id"] for code, hook in hooks.items()
    }
    assert all(event["data"]["reason"] for event in failed)
    assert shown["output"] == 0


async def test_a_hook_without_a_target_only_tells(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        await send(one, await a_hook(one), {"x": 1})
        workflow = await saved(one, ECHO)
        await send(one, await a_hook(one, workflow=workflow), {"x": 2})
        await events(one, "workflow.completed")
        failed = (await one.http.get("/api/events/", params={"types": "trigger.failed"})).json()

    assert failed["events"] == []


async def test_what_came_in_while_nobody_ran_is_done_by_the_next(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path) as first:
        workflow = await saved(first, ECHO)
        hook = await a_hook(first, workflow=workflow)
        await send(first, hook, 1)
        await events(first, "workflow.completed")
        names = [f"n{number}" for number in range(20)]
        for name in names:
            await send(first, hook, {"name": name}, name)

    async with a_keeper(store_url, tmp_path) as second:
        ended = await events(second, "workflow.completed", 21)
        outputs = [(await status(second, event["subject"]))["output"] for event in ended]

    assert sorted(one["name"] for one in outputs if one != 1) == sorted(names)
