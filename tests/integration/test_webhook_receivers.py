"""Real receivers behind the real guard: verified by a library that is not ours, or hostile."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore
import msgspec
import pytest
from hostile_peer import BEHAVIOURS
from hostile_urls import BAD
from http_peer import Asked, a_peer
from standardwebhooks import Webhook
from webhook_deliveries import Delivering, becomes, delivering, until

from orchestra.bus.webhooks.attempts import Attempt
from orchestra.bus.webhooks.records import Endpoint
from orchestra.bus.webhooks.sending import GuardedPost
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.security.destinations import Policy, policy
from orchestra.security.outbound import Guard, Outbound, system_resolve
from orchestra.security.secret_wishes import Wish
from orchestra.security.secrets import Secrets
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio

TIMEOUT_MS = 2_000
# What became of it, where it is not that the answer broke off.
OUTCOMES = {
    "never_answers": "timeout",
    "drips_its_head": "timeout",
    "drips_its_body": "timeout",
    "falls_silent": "timeout",
    "half_open": "timeout",
    "redirects": "redirect",
    "server_error": "status",
    "too_many": "status",
    # 32 KiB of a good answer are enough of it, and what cannot be read matters to nobody.
    "sends_100_mb": "",
    "never_ends": "",
    "one_endless_line": "",
    "tiny_chunks": "",
    "gzip_bomb": "",
    "invalid_json": "",
    "not_text": "",
    "deep_json": "",
    "many_values": "",
    "wrong_type": "",
}


@asynccontextmanager
async def guarded(allow: Iterable[str] = ("127.0.0.1",)) -> AsyncIterator[Outbound]:
    sender = Outbound(policy(allow))
    try:
        yield sender
    finally:
        await sender.aclose()


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Where each behaviour listens, in a process of its own."""
    peer = Path(__file__).parents[1] / "hostile_peer.py"
    with subprocess.Popen(
        [sys.executable, str(peer)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        yield msgspec.json.decode(process.stdout.readline(), type=dict[str, int])
        process.kill()


async def first(one: Delivering, endpoint: Endpoint) -> Attempt:
    """The first attempt in the log of the endpoint, when it is there."""
    await becomes(lambda: one.attempts(endpoint))
    return (await one.attempts(endpoint))[0]


async def test_an_independent_library_believes_every_delivery(store: Store) -> None:
    async with (
        a_peer() as peer,
        guarded() as sender,
        delivering(store, GuardedPost(sender)) as one,
    ):
        await one.endpoint("a", url=peer.url)
        for n in range(20):
            await one.happens(n)
        await until(lambda: len(peer.asked) == 20)
        receiver = Webhook(one.key.text)

    for asked in peer.asked:
        body = receiver.verify(asked.body, asked.headers)
        assert body["type"] == "thing.happened"
        assert asked.headers["content-type"] == "application/cloudevents+json"
        assert asked.headers["user-agent"].startswith("orchestra-webhooks/")
        assert asked.headers["accept-encoding"] == "identity"
    assert len({asked.headers["webhook-id"] for asked in peer.asked}) == 20


async def test_a_try_again_has_the_same_id_and_is_signed_anew(store: Store) -> None:
    def fails_once(_: Asked) -> tuple[int, bytes, dict[str, str]]:
        return (500 if len(peer.asked) == 1 else 200), b"{}", {}

    async with a_peer() as peer, guarded() as sender:
        peer.replies = fails_once
        async with delivering(store, GuardedPost(sender)) as one:
            endpoint = await one.endpoint(
                "a", url=peer.url, schedule_ms=(0, 1_500)
            )  # a second apart
            await one.happens(1)
            await until(lambda: len(peer.asked) == 2)
            attempt = await first(one, endpoint)
            receiver = Webhook(one.key.text)

    before, after = (asked.headers for asked in peer.asked)
    for asked in peer.asked:
        receiver.verify(asked.body, asked.headers)
    assert before["webhook-id"] == after["webhook-id"]
    assert before["webhook-timestamp"] != after["webhook-timestamp"]
    assert attempt.address == "127.0.0.1"


async def test_secrets_go_into_headers_and_stay_out_of_the_log(store: Store) -> None:
    ids = Ids(SystemClock(), system_random())
    secrets = Secrets(store, SystemClock(), ids, lambda: b"k" * 48)
    await secrets.put(HOME, "their-token", Wish("tok-1234567890"), "test")

    async with a_peer(status=400, headers={"x-api-token": "abc"}) as peer, guarded() as sender:
        peer.body = b'{"you sent": "Bearer tok-1234567890"}'
        async with delivering(store, GuardedPost(sender)) as one:
            good = await one.endpoint(
                "a", url=peer.url, headers={"Authorization": "Bearer ${secret:their-token}"}
            )
            bad = await one.endpoint("b", url=peer.url, headers={"x-y": "${secret:gone}"})
            await one.happens(1)
            sent, unsent = await first(one, good), await first(one, bad)

    assert [asked.headers["authorization"] for asked in peer.asked] == ["Bearer tok-1234567890"]
    assert "tok-1234567890" not in repr(sent)
    assert sent.body == '{"you sent": "Bearer ***"}'
    assert sent.headers["x-api-token"] == "***"
    assert (unsent.error, unsent.status) == ("not_sent", None)


async def test_receivers_that_behave_badly_cost_their_own_time_only(
    store: Store, ports: dict[str, int]
) -> None:
    found: dict[str, Attempt] = {}
    async with (
        a_peer() as peer,
        guarded() as sender,
        delivering(store, GuardedPost(sender)) as one,
    ):
        well = await one.endpoint("well", url=peer.url)
        bad = {
            name: await one.endpoint(
                name,
                url=f"http://127.0.0.1:{port}/json",
                timeout_ms=TIMEOUT_MS if OUTCOMES.get(name) == "timeout" else 30_000,
            )
            for name, port in ports.items()
        }
        await one.happens(1)
        for name, endpoint in bad.items():
            found[name] = await first(one, endpoint)
        good = await first(one, well)

    assert set(BEHAVIOURS) <= set(found)
    wrong = {
        name: (attempt.error, attempt.detail)
        for name, attempt in found.items()
        if attempt.error != OUTCOMES.get(name, "broken")
    }
    assert not wrong
    assert all(len(attempt.body) <= 8_192 for attempt in found.values())
    assert good.result == "delivered"


async def test_a_receiver_that_is_not_there_is_not_reached(store: Store) -> None:
    async with guarded() as sender, delivering(store, GuardedPost(sender)) as one:
        endpoint = await one.endpoint("a", url="http://127.0.0.1:1/")
        await one.happens(1)
        attempt = await first(one, endpoint)

    assert (attempt.error, attempt.result) == ("not_reached", "failed")


class Recorder(httpcore.AsyncNetworkBackend):
    """Dials nothing and remembers what it was asked to dial."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        raise httpcore.ConnectError("recorded")


async def test_no_hostile_url_is_dialled_whoever_saved_it(store: Store) -> None:
    names = {"mixed.test": ["8.8.8.8", "127.0.0.1"], "nothing.test": []}
    asked = 0

    async def resolve(host: str, port: int) -> list[str]:
        nonlocal asked
        if host == "rebind.test":  # public when it was saved, and inside ever after
            asked += 1
            return ["93.184.216.34"] if asked == 1 else ["127.0.0.1"]
        return names[host] if host in names else await system_resolve(host, port)

    recorder, sender = Recorder(), Outbound(Policy(), resolve)
    sender._guard = Guard(Policy(), resolve, recorder)
    await sender.admit("http://rebind.test/")
    async with delivering(store, GuardedPost(sender)) as one:
        endpoints = [await one.endpoint(f"e{n}", url=url) for n, url in enumerate(BAD)]
        await one.happens(1)
        found = [await first(one, endpoint) for endpoint in endpoints]

    assert len(BAD) >= 66
    assert not recorder.dialled
    assert {attempt.error for attempt in found} == {"not_allowed"}
    assert {attempt.detail for attempt in found} == {"destination not allowed"}


async def test_a_redirect_to_the_inside_is_not_followed(store: Store) -> None:
    async with a_peer() as canary, a_peer(status=307) as peer, guarded() as sender:
        peer.headers = {"location": canary.url}
        async with delivering(store, GuardedPost(sender)) as one:
            endpoint = await one.endpoint("a", url=peer.url)
            await one.happens(1)
            attempt = await first(one, endpoint)

    assert (attempt.error, attempt.status) == ("redirect", 307)
    assert not canary.asked
