"""Requests that cross from process to process: who may, what crosses, and when nobody is there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest
from asking import a_process as requests_at
from houses import APART, Gate, a_house
from houses import a_process as product_at
from products import until

from orchestra.bus.requests.module import RequestsModule
from orchestra.clock import ManualClock, SystemClock
from orchestra.errors import Unavailable
from orchestra.processes.answering import NotForwarded
from orchestra.processes.envelope import Asked, Forwarded, Seal
from orchestra.processes.forwarding import Road, subject_of
from orchestra.processes.split import AWAY_S, Elsewhere
from orchestra.security import Principal
from orchestra.security.first_key import pepper_of
from orchestra.security.keys import KeyRing, Wish
from orchestra.settings import Settings
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

ADMIN = Principal(DEFAULT_TENANT, "platform_admin", "key_1", frozenset({"agents:read"}))


def asked(seal: Seal, **given: Any) -> Asked:
    fields: dict[str, Any] = {
        "id": "req_1", "sent_ms": seal.now_ms(), "module": "agents", "mode": "required",
        "principal": ADMIN, "method": "GET", "scheme": "http", "path": "/api/agents",
        "raw_path": b"/api/agents", "query": b"", "headers": ((b"host", b"127.0.0.1:8000"),),
        "client": None, "server": None, "body": b"",
    }  # fmt: skip
    return Asked(**(fields | given))


@pytest.fixture
async def pepper(store: Store, store_url: str) -> bytes:
    return await pepper_of(Settings(store_url=store_url), store)


async def sent(requests: RequestsModule, forwarded: Forwarded) -> bytes:
    """The first part of the answer."""
    async for part in requests.request_parts(subject_of("agents"), forwarded, 10_000):
        return part
    raise AssertionError


@asynccontextmanager
async def required(store: Store, store_url: str, pepper: bytes) -> AsyncIterator[Any]:
    """Two processes that need keys, and how to make one: `key(role)`."""
    ring = KeyRing(store, SystemClock(), pepper)
    await ring.create(Wish(name="first", role="platform_admin"))

    async def key(role: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {(await ring.create(Wish(name='k', role=role)))[1]}"}

    async with a_house(store_url, "two, asked at the workflows", own=False) as house:
        yield house.http, key


async def test_a_request_with_our_proof_is_answered_once(store_url: str, pepper: bytes) -> None:
    async with (
        product_at(store_url, APART[0], Gate().agents()),
        requests_at(store_url) as requests,
    ):
        seal = Seal(pepper, requests.now_ms)
        forwarded = seal.sealed(asked(seal))

        head = await sent(requests, forwarded)
        with pytest.raises(NotForwarded):
            await sent(requests, forwarded)

    assert msgspec.msgpack.decode(head)[0] == 200


@pytest.mark.parametrize("change", ["principal", "path", "body", "mode", "late", "other pepper"])
async def test_a_request_that_was_made_up_is_refused(
    store_url: str, pepper: bytes, change: str
) -> None:
    async with (
        product_at(store_url, APART[0], Gate().agents()),
        requests_at(store_url) as requests,
    ):
        seal = Seal(b"x" * 32 if change == "other pepper" else pepper, requests.now_ms)
        forwarded = seal.sealed(asked(seal, principal=None))
        changed: dict[str, Any] = {
            "principal": {"principal": ADMIN},
            "path": {"path": "/api/agents/x"},
            "body": {"body": b"{}"},
            "mode": {"mode": "developer"},
        }
        if change in changed:
            made_up = msgspec.structs.replace(forwarded.asked, **changed[change])
            forwarded = Forwarded(made_up, forwarded.proof)
        if change == "late":
            forwarded = seal.sealed(asked(seal, sent_ms=seal.now_ms() - 61_000))

        with pytest.raises(NotForwarded):
            await sent(requests, forwarded)


async def test_keys_are_judged_where_the_client_asks_and_roles_where_the_module_is(
    store: Store, store_url: str, pepper: bytes
) -> None:
    async with required(store, store_url, pepper) as (http, key):
        agent = {"name": "x", "agent_type": "x", "capabilities": [{"name": "do"}]}
        viewer, editor = await key("viewer"), await key("editor")

        nobody = await http.get("/api/agents")
        wrong = await http.get("/api/agents", headers={"authorization": "Bearer nothing"})
        seen = await http.get("/api/agents", headers=viewer)
        refused = await http.post("/api/agents/register", json=agent, headers=viewer)
        made = await http.post("/api/agents/register", json=agent, headers=editor)

    codes = [one.status_code for one in (nobody, wrong, seen, refused, made)]
    assert codes == [401, 401, 200, 403, 201]


async def test_no_key_goes_through_the_store(
    store: Store, store_url: str, pepper: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossed: list[bytes] = []
    sealed = Seal.sealed

    def note(self: Seal, one: Asked) -> Forwarded:
        crossed.append(msgspec.json.encode(one) + b"".join(b"%s:%s" % pair for pair in one.headers))
        return sealed(self, one)

    monkeypatch.setattr(Seal, "sealed", note)
    async with required(store, store_url, pepper) as (http, key):
        header = await key("viewer")
        text = header["authorization"].removeprefix("Bearer ").encode()
        for headers in (header, {"x-api-key": text.decode()}):
            assert (await http.get("/api/agents", headers=headers)).status_code == 200

    assert len(crossed) == 2
    assert not any(text in one for one in crossed)


async def test_who_needs_no_key_there_needs_one_here(store: Store, store_url: str) -> None:
    await KeyRing(
        store, SystemClock(), await pepper_of(Settings(store_url=store_url), store)
    ).create(Wish(name="first", role="platform_admin"))
    async with (
        product_at(store_url, APART[0], Gate().agents(), own=False),
        product_at(store_url, APART[1], ()) as open_to_its_user,
    ):
        refused = await open_to_its_user.get("/api/agents")

    assert refused.status_code == 403
    assert refused.json()["code"] == "not_forwarded"


async def test_a_module_that_runs_nowhere_is_named_until_it_is_back(store_url: str) -> None:
    async with product_at(store_url, APART[1], ()) as http:
        away = await http.get("/api/agents")
        async with product_at(store_url, APART[0], Gate().agents()):
            with anyio.fail_after(60):
                while (await http.get("/api/agents")).status_code != 200:  # noqa: ASYNC110
                    await anyio.sleep(0.05)

    assert (away.status_code, away.json()["code"]) == (503, "module_away")
    assert away.json()["module"] == "agents"
    assert away.headers["retry-after"] == "1"


class Nowhere:
    """No process serves anything."""

    def served(self, subject: str) -> bool:
        """By nobody."""
        return False


async def test_a_process_is_not_ready_when_a_module_was_nowhere_for_half_a_minute() -> None:
    class Agents:
        name, routes = "agents", ()

    clock = ManualClock()
    away = Elsewhere(Agents(), Road(Nowhere(), 1), clock)  # type: ignore[arg-type]  # what it asks

    clock.advance(int(AWAY_S * 1_000))
    await away.check()
    clock.advance(1)
    with pytest.raises(Unavailable, match="agents"):
        await away.check()


async def test_a_client_that_leaves_stops_what_it_asked_for(store_url: str) -> None:
    async with a_house(store_url, "two, asked at the workflows") as house:
        wish = {"agent_type": "gate", "input_data": {"task_type": "wait"}}
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(house.post, "/api/agents/execute", wish)
                await house.gate.begun.wait()
                group.cancel_scope.cancel()
        await until(house.gate.stopped.is_set)
