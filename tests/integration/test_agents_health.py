"""Looking after agents: who is asked, who is late, who is gone, and what is told of it."""

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from agent_replicas import a_task, replica
from edge import a_client, a_stage
from http_peer import Peer, a_peer
from steady import undisturbed
from valkey_servers import Valkey, free_port
from valkey_servers import started as servers

from orchestra.agents.health import watch
from orchestra.agents.module import AgentsModule
from orchestra.agents.records import Agent
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.scripts import load_scripts

pytestmark = pytest.mark.anyio

LOOK_S = 0.05
PREFIX = "o:a:{default/far}:"
SCRIPTS = load_scripts("orchestra.agents")
OFTEN = {"interval_s": 1, "timeout_ms": 30_000}
PUSHES = {"mode": "push", "interval_s": 10, "ttl_s": 30}


class Care:
    """A replica, a client of it, and a hand in the store."""

    def __init__(self, module: AgentsModule, http: httpx.AsyncClient) -> None:
        self.module, self.http = module, http

    async def register(self, name: str, url: str, **fields: Any) -> Agent:
        body = {"name": name, "agent_type": "far", "capabilities": [], "endpoint": url} | fields
        answer = await self.http.post("/api/agents/register", json=body)
        assert answer.status_code in (200, 201), answer.text
        return self.agent(name)

    def agent(self, name: str) -> Agent:
        return self.module.registry.roster(DEFAULT_TENANT).find(name)

    async def get(self, path: str) -> Any:
        answer = await self.http.get(f"/api/agents/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def told(self, name: str) -> list[str]:
        return [one["type"] for one in (await self.get(f"{name}/events"))["items"]]

    async def silent(self, *names: str, for_ms: int, kind: str = "far") -> None:
        """Agents whose last heartbeat came so long ago."""
        store = self.module.care.health._store
        prefix = f"o:a:{{default/{kind}}}:"
        [seconds, _] = await store.read(prefix, "TIME")
        for name in names:
            at_ms = int(seconds) * 1_000 - for_ms + 30_000
            await store.call(prefix, "ZADD", f"{prefix}hb", at_ms, self.agent(name).id)


@pytest.fixture
async def care(store_url: str) -> AsyncIterator[Care]:
    async with replica(store_url) as module, a_client(a_stage(None, module)) as http:
        yield Care(module, http)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer(checks=True) as made:
        yield made


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 60.0) -> None:
    for _ in range(round(seconds / LOOK_S)):
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        await anyio.sleep(LOOK_S)
    pytest.fail(f"not within {seconds} s")


def checks(peer: Peer) -> int:
    return sum(asked.method == "GET" for asked in peer.asked)


async def test_an_agent_that_fails_its_checks_is_out_and_comes_back_by_itself(
    care: Care, peer: Peer
) -> None:
    await care.register("a", peer.url, health=OFTEN)
    await care.register("b", peer.url, health={"interval_s": 60})
    peer.status = 503

    async def is_unhealthy() -> bool:
        return (await care.get("a"))["status"] == "unhealthy"

    await until(is_unhealthy)
    down = await care.get("a/health")
    peer.status = 200

    async def is_back() -> bool:
        return (await care.get("a"))["status"] == "healthy"

    await until(is_back)
    up = await care.get("a/health")

    assert down["reason"] == "the health path answered 503"
    assert down["since"] is not None
    assert (down["breaker"]["state"], down["gate"]["closed"]) == ("open", True)
    assert (down["check"]["mode"], down["check"]["last"]["outcome"]) == ("active", "fail")
    assert down["check"]["last"]["failures_in_row"] >= 3
    assert (up["breaker"]["state"], up["gate"]["until"]) == ("closed", None)
    assert await care.told("a") == [
        "agent.registered", "agent.healthy", "agent.unhealthy", "agent.recovered",
    ]  # fmt: skip
    last = (await care.get("a/events"))["items"][-1]
    assert last["data"]["reason"] == "re-admitted by probe"
    assert {asked.path for asked in peer.asked} == {"/healthz"}


async def test_nothing_is_asked_while_work_succeeds(care: Care, peer: Peer) -> None:
    await care.register("a", peer.url, health=OFTEN)

    async def work() -> int:
        before = checks(peer)
        for _ in range(30):
            assert (await care.module.execute(a_task("far"))).error is None
            await anyio.sleep(0.1)
        return checks(peer) - before

    store, prefix = care.module.care.health._store, "o:a:{default/far}:"
    assert await undisturbed(work, 0.3, lambda: store.read(prefix, "TIME")) == 0


async def test_without_a_health_path_only_tasks_tell_how_an_agent_is(
    care: Care, peer: Peer
) -> None:
    await care.register("a", peer.url)
    peer.status = 404

    answer = (await care.http.post("/api/agents/a/check")).json()
    again = (await care.http.post("/api/agents/a/check")).json()

    assert (answer["checked"], answer["well"], answer["error"]) == (False, None, None)
    assert answer["health"]["check"]["mode"] == "passive"
    assert answer["health"]["status"] == "healthy"
    assert again["checked"] is False
    assert checks(peer) == 1


async def test_a_check_that_is_asked_for_tells_what_it_found(care: Care, peer: Peer) -> None:
    await care.register("a", peer.url)

    well = (await care.http.post("/api/agents/a/check")).json()
    peer.status = 500
    ill = (await care.http.post("/api/agents/a/check")).json()
    peer.status = 403
    locked = (await care.http.post("/api/agents/a/check")).json()

    assert (well["checked"], well["well"], well["error"]) == (True, True, None)
    assert (ill["well"], ill["error"]["code"]) == (False, "agent.unavailable")
    assert ill["health"]["check"]["last"]["failures_in_row"] == 1
    assert (locked["checked"], locked["health"]["status"]) == (False, "healthy")


async def test_a_misconfigured_agent_is_tried_at_once_when_somebody_changed_it(
    care: Care, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the master key of the secrets is made
    (tmp_path / ".orchestra").mkdir()
    auth = {"type": "bearer", "secret": "${secret:nobody-set-it}"}
    await care.register("a", peer.url, auth=auth)
    checked = (await care.http.post("/api/agents/a/check")).json()
    assert (checked["well"], checked["error"]["code"]) == (False, "agent.auth")
    assert (await care.get("a"))["status"] == "misconfigured"
    assert (await care.told("a"))[-1] == "agent.misconfigured"

    await care.http.patch("/api/agents/a", json={"auth": None})
    result = await care.module.execute(a_task("far"))

    assert result.error is None
    assert (await care.get("a"))["status"] == "healthy"


async def test_hostile_agents_delay_no_others(care: Care, peer: Peer) -> None:
    async with a_peer(hold=anyio.sleep_forever, checks=True) as tarpit:
        for i in range(80):
            await care.register(
                f"slow-{i}", tarpit.url, health={"interval_s": 1, "timeout_ms": 30_000}
            )
        await care.register("well", peer.url, health=OFTEN)
        await until(lambda: len(tarpit.asked) >= 64)
        before = checks(peer)

        await until(lambda: checks(peer) >= before + 3)


def started(store_url: str) -> subprocess.Popen[bytes]:
    watcher = Path(__file__).parents[1] / "agent_watcher.py"
    return subprocess.Popen([sys.executable, str(watcher), store_url])


async def test_another_replica_takes_over_when_the_one_that_checks_is_killed(
    store_url: str, peer: Peer
) -> None:
    first = started(store_url)
    try:
        async with replica(store_url) as module:
            prefix = "o:a:{default/far}:"
            module.care.watch._not_before[prefix] = float("inf")  # it is the other's
            async with a_client(a_stage(None, module)) as http:
                care = Care(module, http)
                await care.register("a", peer.url, health=OFTEN)
                await until(lambda: checks(peer) >= 2)
                assert not module.care.watch.ours(prefix)
                before = checks(peer)
                await until(lambda: checks(peer) > before)  # so the other one is well
                module.care.watch._not_before.clear()
                await module.care.watch.round()
                assert not module.care.watch.ours(prefix)

                first.kill()
                first.wait()
                before = checks(peer)

                await until(lambda: module.care.watch.ours(prefix))
                await until(lambda: checks(peer) > before)
    finally:
        first.kill()
        first.wait()


async def test_a_replica_that_leaves_hands_its_pools_over_at_once(
    store_url: str, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LEASE_MS", 3_600_000)  # nobody waits for it to end
    prefix = "o:a:{default/far}:"
    async with replica(store_url) as second:
        async with replica(store_url) as first:
            second.care.watch._not_before[prefix] = float("inf")
            async with a_client(a_stage(None, first)) as http:
                await Care(first, http).register("a", peer.url)
            await until(lambda: first.care.watch.ours(prefix))
        second.care.watch._not_before.clear()

        await until(lambda: second.care.watch.ours(prefix))


async def test_a_silent_agent_is_stale_then_offline_then_gone(care: Care, peer: Peer) -> None:
    await care.register("a", peer.url, heartbeat=PUSHES)
    await care.register("e", peer.url, heartbeat=PUSHES, ephemeral=True)
    await care.register("b", peer.url, heartbeat=PUSHES)

    await care.silent("a", for_ms=40_000)
    await care.module.care.watch.round()
    stale = await care.get("a/health")
    await care.silent("a", "e", for_ms=301_000)
    await care.module.care.watch.round()
    offline = (await care.get("a"))["status"], (await care.get("e"))["status"]
    await care.silent("a", "e", for_ms=601_000)
    await care.module.care.watch.round()
    gone = await care.http.post("/api/agents/e/heartbeat")
    await care.silent("a", for_ms=86_401_000)
    await care.module.care.watch.round()

    assert stale["status"] == "stale"
    assert stale["heartbeat"]["late"] is True
    assert stale["reason"] == f"nothing was heard of it for {int(stale['heartbeat']['age_s'])} s"
    assert offline == ("offline", "offline")
    assert (gone.status_code, gone.json()["code"]) == (404, "agent_unknown")
    assert (await care.http.get("/api/agents/a")).status_code == 404
    assert (await care.get("b"))["status"] == "healthy"


async def test_a_heartbeat_brings_an_agent_back_from_offline(care: Care, peer: Peer) -> None:
    await care.register("a", peer.url, heartbeat=PUSHES)
    await care.silent("a", for_ms=400_000)
    await care.module.care.watch.round()

    answer = await care.http.post("/api/agents/a/heartbeat", json={"in_flight": 2})

    assert answer.json() == {"next_in_s": 10, "drain": False, "revision": 1}
    assert (await care.get("a"))["status"] == "healthy"
    assert (await care.told("a"))[-2:] == ["agent.offline", "agent.recovered"]


async def test_what_a_heartbeat_says_is_shown(care: Care, peer: Peer) -> None:
    await care.register("a", peer.url, heartbeat=PUSHES)
    said = {"load": 0.5, "in_flight": 3, "version": "2.0.1", "status": "busy"}

    await care.http.post("/api/agents/a/heartbeat", json=said)
    await care.http.post("/api/agents/a/heartbeat")

    heartbeat = (await care.get("a/health"))["heartbeat"]
    assert said.items() <= heartbeat["said"].items()
    assert heartbeat["age_s"] < 30
    assert heartbeat["late"] is False


async def test_when_most_fall_silent_together_they_have_one_more_ttl_and_one_event(
    care: Care, peer: Peer
) -> None:
    names = [f"a{i}" for i in range(6)]
    for i, name in enumerate(names):
        kind = "far" if i % 2 else "near"
        await care.register(name, peer.url, agent_type=kind, heartbeat=PUSHES)
    await care.module.care.watch.round()

    for i, name in enumerate(names[:4]):
        await care.silent(name, for_ms=33_000, kind="far" if i % 2 else "near")
    for _ in range(3):
        await care.module.care.watch.round()

    statuses = {(await care.get(name))["status"] for name in names}
    events, _ = await care.module.care.events.after(DEFAULT_TENANT, {})
    frozen = [one.data for one in events if one.type == "agent.expiry_frozen"]
    assert statuses == {"healthy"}
    assert [(one["pushing"], one["lapsed"]) for one in frozen] == [(6, 4)]
    # Once: who is silent after that is late.
    for i, name in enumerate(names[:4]):
        await care.silent(name, for_ms=33_000, kind="far" if i % 2 else "near")
    await care.module.care.watch.round()
    assert (await care.get("a0"))["status"] == "stale"


AGES = """
for _, key in ipairs({'hb', 'ses'}) do
  for _, one in ipairs(redis.call('ZRANGE', KEYS[1] .. key, 0, -1)) do
    redis.call('ZINCRBY', KEYS[1] .. key, -ARGV[1], one)
  end
end
redis.call('HINCRBY', KEYS[1] .. 'watch', 'at', -ARGV[1])
redis.call('HINCRBY', KEYS[1] .. 'watch', 'until', -ARGV[1])
"""


def seconds_pass(server: Valkey, seconds: int) -> None:
    """As if nobody had reached the store for so long: all it knows of the pool is older."""
    with server.client() as client:
        client.eval(AGES, 1, PREFIX, 1_000 * seconds)


async def test_a_store_that_was_away_makes_nobody_stale(tmp_path: Path, peer: Peer) -> None:
    server = Valkey(tmp_path, free_port(), "--appendonly", "yes", "--appendfsync", "always")
    with servers(server):
        async with replica(server.url) as module, a_client(a_stage(None, module)) as http:
            care = Care(module, http)
            for name in ("a", "b", "c"):
                await care.register(name, peer.url, heartbeat=PUSHES)
            await module.care.watch.round()

            server.kill()
            away = {
                part: (await http.get(f"/api/agents/{part}")).status_code
                for part in ("a", "a/health", "a/events", "a/performance", "types", "")
            }
            server.start()
            seconds_pass(server, 40)
            statuses: list[str] = []

            async def readable() -> bool:
                answer = await http.get("/api/agents?type=far")
                if answer.status_code == 200:
                    statuses.extend(one["status"] for one in answer.json()["items"])
                return answer.status_code == 200

            await until(readable)
            done = await module.execute(a_task("far"))
            again = "agent.stale" in await care.told("a")

            async def is_stale() -> bool:
                await care.silent("a", "b", "c", for_ms=31_000)  # all at once: one more ttl, first
                await module.care.watch.round()
                return (await care.get("a"))["status"] == "stale"

            await until(is_stale)

    assert set(away.values()) == {503}, away
    assert statuses == ["healthy"] * 3
    assert done.error is None
    assert not again


async def test_one_silent_agent_is_no_mass(care: Care, peer: Peer) -> None:
    await care.register("a", peer.url, heartbeat=PUSHES)
    await care.silent("a", for_ms=33_000)

    await care.module.care.watch.round()

    assert (await care.get("a"))["status"] == "stale"


@contextlib.asynccontextmanager
async def two(store_url: str) -> AsyncIterator[tuple[AgentsModule, AgentsModule]]:
    async with replica(store_url) as one, replica(store_url) as other:
        yield one, other


async def test_events_are_written_once_whoever_looks(store_url: str, peer: Peer) -> None:
    async with two(store_url) as (one, other), a_client(a_stage(None, one)) as http:
        care = Care(one, http)
        await care.register("a", peer.url, heartbeat=PUSHES)
        await other.registry.refresh()
        await care.silent("a", for_ms=40_000)

        async with anyio.create_task_group() as group:
            for module in (one, other) * 5:
                group.start_soon(module.care.watch.round)

        assert await care.told("a") == ["agent.registered", "agent.healthy", "agent.stale"]
