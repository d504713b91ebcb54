"""25 canaries set as secrets, sent, echoed and refused: found on the wire and nowhere else."""

import contextlib
import json
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest
from http_peer import Peer, a_peer

from e2e.served import Server, serving, until

pytestmark = pytest.mark.anyio

CANARIES = [f'canary-{number}-"Zq7\u00e4\\xV' for number in range(25)]


async def test_no_secret_is_in_an_answer_the_log_or_the_store(tmp_path: Path) -> None:
    options = ("--log-level", "debug", "--log-format", "json", "--network-allow", "127.0.0.1")
    async with a_peer() as peer, serving(tmp_path, *options) as server:
        told = [await used(server, peer, number) for number in range(len(CANARIES))]
        told += await in_a_workflow(server, peer)
        for path in ("/api/secrets/", "/api/agents/?limit=200", "/readyz"):
            told.append((await server.client.get(path)).text)
        told.append(await gathered(server))
        sent = "".join(value for asked in peer.asked for value in asked.headers.values())
        log = server.log.read_text("utf-8")
    store = written(tmp_path)

    assert all(any(form in sent for form in forms(canary)) for canary in CANARIES)
    assert sum("***" in one for one in told) > len(CANARIES) / 2
    for canary in CANARIES:
        for form in forms(canary):
            assert form not in "".join(told)
            assert form not in log
            assert form.encode() not in store
    assert b"sec_" in store, "the store was looked at where the secrets are"
    assert "secret.written" in log


async def gathered(server: Server) -> str:
    """Once what was just logged can be searched for: all of the log."""
    path = "/api/logs/export?q=event:secret.written"
    await until(lambda: server.client.get(path), lambda got: got.text.count("\n") >= 25)
    return (await server.client.get("/api/logs/export")).text


def written(folder: Path) -> bytes:
    """All that the store has on disk."""
    data = next(folder.glob("data-*"))
    return b"".join(file.read_bytes() for file in data.rglob("*") if file.is_file())


async def used(server: Server, peer: Peer, number: int) -> str:
    """Set, sent, and said back: in an output, an error, a refusal; or never answered."""
    canary, name = CANARIES[number], f"a{number}"
    kind = ("bearer", "header", "basic")[number % 3]
    value = f"user:{canary}" if kind == "basic" else canary
    if kind != "basic":
        value = canary.replace("\u00e4", "a")
        CANARIES[number] = value
        canary = value
    answers = [await server.client.put(f"/api/secrets/{name}", json={"value": value})]
    agent: dict[str, Any] = {"name": name, "agent_type": name, "capabilities": []}
    agent |= {"endpoint": peer.url, "auth": {"type": kind, "secret": "${secret:" + name + "}"}}
    answers.append(await server.client.post("/api/agents/register", json=agent))
    quoted = json.dumps(canary)
    echo: dict[str, object] = {"sent": [canary, {canary: f"<{value}>"}], "quoted": quoted}
    match number % 4:
        case 0:
            peer.says({"status": "completed", "output": echo})
        case 1:
            peer.says({"error": {"code": "x.y", "message": f"bad key {canary}"}}, 500)
        case 2:
            peer.says({"detail": f"who is {canary}"}, 401)
        case _:
            peer.hold = anyio.sleep_forever
    task = {"agent_type": name, "input_data": {"x": 1}}
    task |= {"timeout_ms": 300 if peer.hold else 60_000}
    sent = len(peer.asked)
    with anyio.fail_after(60):
        while len(peer.asked) == sent:  # held up for so long, it comes to nothing
            with contextlib.suppress(httpx.ReadTimeout):
                answers.append(await server.client.post("/api/agents/execute", json=task))
    peer.hold = None
    return "".join(answer.text for answer in answers)


async def in_a_workflow(server: Server, peer: Peer) -> list[str]:
    """The same in a step: what is recorded of it is read back."""
    canary = CANARIES[0]
    peer.says({"status": "completed", "output": {"sent": canary}})
    step = {"id": "s", "agent_type": "a0", "input_data": {}}
    workflow = await server.make("w", step)
    execution = await server.start(workflow)
    await server.ended(execution)
    at = f"/api/executions/{execution}"
    paths = [at + part for part in ("", "/status", "/logs", "/history", "/steps", "/steps/s")]
    return [(await server.client.get(path)).text for path in paths]


def forms(canary: str) -> set[str]:
    """As it is, in JSON, in a Python literal, in a URL, and as HTTP Basic sends it."""
    return {
        quote(canary, safe=""),
        canary,
        json.dumps(canary)[1:-1],
        json.dumps(canary, ensure_ascii=False)[1:-1],
        repr(canary)[1:-1],
        b64encode(f"user:{canary}".encode()).decode(),
    }
