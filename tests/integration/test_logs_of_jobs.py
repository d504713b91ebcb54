"""Whose the lines of jobs are: the tenant's own search of the log finds them, and no other's."""

import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import msgspec
import pytest
import structlog
from edge import OneKey, a_client
from webhook_deliveries import Answer, Got, Receivers, delivering

from orchestra.app import Ports, Stage, build_modules, prepare, running
from orchestra.bus import Bury, Draft, Event, Gap, Job, Reading
from orchestra.bus.module import BusModule
from orchestra.clock import SystemClock
from orchestra.log import TAP, configure
from orchestra.security import Principal
from orchestra.security.key_text import new_key
from orchestra.security.roles import permissions_of
from orchestra.settings import Settings
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

OURS, OTHERS = Tenant("ours"), Tenant("others")
log = structlog.get_logger("test")


class Nothing(msgspec.Struct):
    """A job that says nothing."""


@dataclass
class Running:
    """A product whose log is searched."""

    http: httpx.AsyncClient
    stage: Stage
    bus: BusModule

    async def found(self, tenant: Tenant, q: str) -> list[dict[str, Any]]:
        """What a tenant finds."""
        text = new_key()
        principal = Principal(tenant, "admin", "key_t", permissions_of("admin"))
        self.stage.gateway.verifier = OneKey(text, principal)
        answer = await self.http.get(
            "/api/logs/search", params={"q": q}, headers={"x-api-key": text}
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json()["lines"])

    async def finds(self, tenant: Tenant, q: str) -> list[dict[str, Any]]:
        """The same, when there is something."""
        with anyio.fail_after(60):
            while not (lines := await self.found(tenant, q)):  # noqa: ASYNC110  -- over HTTP
                await anyio.sleep(0.05)
        return lines


@contextlib.contextmanager
def logging_to_the_tap() -> Iterator[io.StringIO]:
    """What this process logs goes to the tap, too."""
    out = io.StringIO()
    configure(Settings(log_format="json", log_level="debug"), out)
    TAP.open, TAP.replica = True, "here:1"
    try:
        yield out
    finally:
        TAP.open, TAP.replica = False, ""
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Running]:
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    with logging_to_the_tap():
        async with running(settings, stage, build_modules) as parts, a_client(stage) as http:
            bus = next(one for one in parts.modules if isinstance(one, BusModule))
            yield Running(http, stage, bus)


async def test_the_lines_of_a_job_that_fails_are_its_tenants(product: Running) -> None:
    structlog.contextvars.bind_contextvars(tenant=OTHERS, request_id="req_before")

    async def fail(_: Job) -> None:
        log.warning("job.said_so")
        raise Bury("it will never do")

    product.bus.worker(OURS, "~told", fail)
    structlog.contextvars.clear_contextvars()
    await product.bus.enqueue(OURS, "~told", Nothing())

    [said] = await product.finds(OURS, "job.said_so")
    [buried] = await product.finds(OURS, "queue.message_buried")

    assert (said["tenant"], said["queue"]) == (OURS, "~told")
    assert (buried["tenant"], buried["message"]) == (OURS, said["message"])
    assert "request_id" not in said
    for q in ("job.said_so", "queue.message_buried"):
        assert await product.found(OTHERS, q) == []


async def test_the_lines_of_a_reader_are_those_of_the_event_it_handles(product: Running) -> None:
    async def fail(event: Event | Gap) -> None:
        if isinstance(event, Event):
            log.warning("reader.said_so", n=event.key)
            raise Bury("it will never do")

    reading = Reading(origins=("api",), tries=1, in_flight_max=1, ordered="none")
    product.bus.subscribe("told", ["told.**"], fail, reading)
    for tenant, key in ((OURS, "exe_1"), (OTHERS, "thing"), (OURS, "other")):
        data = msgspec.Raw(b"{}")
        await product.bus.publish(Draft(tenant, "told.once", "/test", key, data, "api"))

    with anyio.fail_after(60):
        while len(lines := await product.found(OURS, "reader.said_so")) < 2:  # noqa: ASYNC110  -- as above
            await anyio.sleep(0.05)
    [theirs] = await product.finds(OTHERS, "reader.said_so")

    assert {line["n"]: line.get("execution_id") for line in lines} == {
        "exe_1": "exe_1", "other": None,
    }  # fmt: skip
    assert (theirs["n"], theirs.get("execution_id"), theirs["reader"]) == ("thing", None, "told")
    buried = await product.finds(OURS, "bus.event_buried")
    assert {line["tenant"] for line in buried} == {OURS}


async def test_the_lines_of_a_delivery_are_its_tenants_and_name_it(store: Store) -> None:
    receivers = Receivers(SystemClock())
    seen: list[dict[str, Any]] = []

    async def answer(got: Got) -> Answer:
        seen.append({**structlog.contextvars.get_contextvars(), "url": got.url})
        return Answer(200)

    async with delivering(store, receivers) as one:
        for tenant in (OURS, OTHERS):
            endpoint = await one.endpoint(tenant, tenant=tenant)
            receivers.answers[endpoint.url] = answer
        for n, key in enumerate(("exe_1", "thing")):
            await one.happens(n, key, tenant=OURS)
        await one.happens(7, tenant=OTHERS)
        with anyio.fail_after(60):
            while len(seen) < 3:  # noqa: ASYNC110  -- tasks of another part
                await anyio.sleep(0.01)

    for about in seen:
        assert about["webhook"] == f"whk_{about['tenant']}"
        assert about["url"] == f"http://{about['tenant']}.test/"
        assert about["delivery"]
        assert about["event_id"].startswith("evt_")
    ours = [about.get("execution_id") for about in seen if about["tenant"] == OURS]
    assert sorted(ours, key=str) == [None, "exe_1"]
