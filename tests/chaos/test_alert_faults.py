"""Four faults in a running installation, whose evaluator is killed meanwhile: each is told once.

One mail at a real SMTP server and one signed webhook for the beginning of each, and for its end.
"""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from signal import SIGKILL
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from e2e.served import Server, serving
from http_peer import Peer, a_peer
from mail_peer import MailServer, mail_server
from standardwebhooks.webhooks import Webhook

from orchestra.clock import SystemClock, system_random
from orchestra.instants import instant
from orchestra.store.opening import StoreOptions, open_store

pytestmark = [pytest.mark.chaos, pytest.mark.anyio]

WITHIN_S = 240.0
FILLED = [f"o:{{filled}}:{n}" for n in range(16)]
MIB = 1_048_576
AT_ONCE: dict[str, Any] = {
    "window": "10s", "for": "1s", "keep_firing": "0s", "group_wait": "0s",
    "notify": ["oncall", "pager"],
}  # fmt: skip
SEEN_FOR_LONG: dict[str, Any] = {"window": "30s", "for": "0s"}
"""Of what happens a few times: whoever takes over must still see it."""
RULES: dict[str, dict[str, Any]] = {
    "Agent down": {
        "metric": "orchestra_agent_tasks_total", "agg": "ratio", "of": {"outcome": "failed"},
        "by": ["agent"], "where": {"agent": "broken"}, "threshold": 0.5, "severity": "critical",
    } | SEEN_FOR_LONG,
    "Latency doubled": {
        "metric": "orchestra_agent_task_seconds", "agg": "p95", "by": ["agent"],
        "where": {"agent": "slow"}, "threshold": 0.5,
    } | SEEN_FOR_LONG,
    "Queue grows": {
        "metric": "orchestra_queue_depth", "agg": "last", "by": ["queue"],
        "where": {"queue": "jobs"}, "threshold": 10,
    },
    "Store near full": {
        "metric": "orchestra_store_memory_bytes", "agg": "last", "scope": "installation",
    },
}  # fmt: skip


async def test_each_fault_is_told_once_though_the_evaluator_is_killed(
    store_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    key = tmp_path / "master.key"
    key.write_text("k" * 48)
    async with contextlib.AsyncExitStack() as stack:
        mail = stack.enter_context(mail_server())
        receiver = await stack.enter_async_context(a_peer())
        broken = await stack.enter_async_context(a_peer())
        slow = await stack.enter_async_context(a_peer())
        options = (
            "--store-url", store_url, "--durability", "no", "--allow-weaker-durability",
            "--master-key-file", str(key), "--network-allow", "127.0.0.1",
            "--smtp-url", f"smtp://127.0.0.1:{mail.port}", "--smtp-from", "alerts@example.com",
        )  # fmt: skip
        one = await stack.enter_async_context(serving(tmp_path, *options))
        two = await stack.enter_async_context(serving(tmp_path, *options))
        house = House(one, mail, receiver, broken, slow)
        secret = await house.prepared(store_url)
        await house.harmed(store_url)
        leader, house.server = (one, two) if one.said("monitoring.leads") else (two, one)
        leader.signal(SIGKILL)
        await house.until(
            lambda: house.mails("firing") >= 4 and house.hooks("firing") >= 4, house.ask
        )
        await house.healed(store_url)
        await house.until(lambda: house.mails("resolved") >= 4 and house.hooks("resolved") >= 4)
        said = await house.said()
        log = two.log.read_text(errors="replace") + one.log.read_text(errors="replace")

    told = [Webhook(secret).verify(asked.body, asked.headers) for asked in receiver.asked]
    by_id = dict(zip((asked.headers["webhook-id"] for asked in receiver.asked), told, strict=True))
    hooks = Counter((doc["type"], doc["data"]["alerts"][0]["name"]) for doc in by_id.values())
    letters = Counter(one["Message-ID"] for one in mail.mails)
    # What was on its way when the evaluator was killed may come again, as the same; no end was.
    ends = [one for one in mail.mails if "resolved: " in str(one["Subject"])]
    events = Counter((one["type"], one["name"]) for one in said)
    begins = {(f"notification.{kind}", name) for kind in ("firing", "resolved") for name in RULES}
    assert hooks == dict.fromkeys(begins, 1)
    assert sum(doc["type"] == "notification.resolved" for doc in told) == len(ends) == len(RULES)
    assert len(letters) == 2 * len(RULES), sorted(one["Subject"] for one in mail.mails)
    assert max(letters.values()) <= 2
    fired_and_over = {(f"alert.{kind}", name) for kind in ("fired", "resolved") for name in RULES}
    assert events == dict.fromkeys(fired_and_over, 1)
    assert any(one["Subject"].startswith("[critical] Agent down: broken") for one in mail.mails)
    assert secret not in log
    # From the beginning of a fault to the word about it, as the events have it.
    fired = {one["name"]: one["at"] for one in said if one["type"] == "alert.fired"}
    for name, harmed_at in house.harmed_at.items():
        record_property(name, f"{harmed_at} fired {fired[name]}")


class House:
    """The installation, and what can be done to it."""

    def __init__(
        self, server: Server, mail: MailServer, receiver: Peer, broken: Peer, slow: Peer
    ) -> None:
        self.server, self.mail, self.receiver = server, mail, receiver
        self._broken, self._slow = broken, slow
        self.harmed_at: dict[str, str] = {}

    async def prepared(self, store_url: str) -> str:
        """Agents, a queue, contacts and rules are there; the webhook's secret."""
        await self.server.register("broken", self._broken.url)
        await self.server.register("slow", self._slow.url)
        await self._made("/api/queues/", {"name": "jobs"})
        await self._made(
            "/api/alerts/contacts/", {"name": "oncall", "kind": "email", "to": ["on@example.com"]}
        )
        hook = {"name": "pager", "kind": "webhook", "url": self.receiver.url}
        secret = str((await self._made("/api/alerts/contacts/", hook))["secret"])
        async with _store(store_url) as store:
            info = await store.call("o:{filled}:", "INFO", "memory")
        used = next(
            int(line.partition(":")[2])
            for line in bytes(info).decode().splitlines()
            if line.startswith("used_memory:")
        )
        for name, rule in RULES.items():
            limit = {} if "threshold" in rule else {"threshold": used + 32 * MIB}
            await self._made("/api/alerts/rules", {"name": name} | AT_ONCE | rule | limit)
        return secret

    async def harmed(self, store_url: str) -> None:
        """An agent fails, one is slow, a queue grows, the store is filled."""
        self._began("Agent down", "Latency doubled")
        self._broken.says({"error": "x"}, status=500)

        async def slowly() -> None:
            await anyio.sleep(0.8)

        self._slow.hold = slowly
        async with anyio.create_task_group() as group:
            for agent in ("broken", "slow"):
                for _ in range(4):
                    group.start_soon(self._asked, agent)
        bodies = [{"body": {"n": n}} for n in range(20)]
        self._began("Queue grows")  # those calls took ten seconds, with all that is tried again
        await self._made("/api/queues/jobs/messages", {"messages": bodies})
        async with _store(store_url) as store:
            self._began("Store near full")
            for name in FILLED:
                await store.call("o:{filled}:", "SET", name, b"x" * 4 * MIB)

    async def healed(self, store_url: str) -> None:
        """All is well again."""
        self._slow.hold = None
        self._broken.says({"output": {}})
        gone = await self.server.client.delete("/api/queues/jobs?purge=true")
        assert gone.status_code == 204, gone.text
        async with _store(store_url) as store:
            await store.call("o:{filled}:", "UNLINK", *FILLED)

    async def until(
        self,
        ready: Callable[[], bool],
        meanwhile: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint,
    ) -> None:
        """Until it is so. `meanwhile` goes on, for an heir may come late to what has passed."""
        with anyio.fail_after(WITHIN_S):
            while not ready():
                await meanwhile()
                await anyio.sleep(0.05)

    async def ask(self) -> None:
        """One task of each agent."""
        async with anyio.create_task_group() as group:
            for agent in ("broken", "slow"):
                group.start_soon(self._asked, agent)

    def mails(self, kind: str) -> int:
        """How many came of a kind, each counted once."""
        told = {one["Message-ID"]: str(one["Subject"]) for one in self.mail.mails}
        ends = ["resolved: " in subject for subject in told.values()]
        return sum(ends) if kind == "resolved" else len(ends) - sum(ends)

    def hooks(self, kind: str) -> int:
        """The same of webhooks."""
        asked = {one.headers["webhook-id"]: one for one in self.receiver.asked}
        return sum(one.json["type"] == f"notification.{kind}" for one in asked.values())

    async def said(self) -> list[dict[str, Any]]:
        """What was said of the alerts of these rules."""
        answer = await self.server.client.get("/api/alerts/history?limit=200")
        return [one for one in answer.json()["items"] if one["name"] in RULES]

    def _began(self, *faults: str) -> None:
        self.harmed_at |= dict.fromkeys(faults, instant(SystemClock().now_ms()))

    async def _asked(self, agent: str) -> None:
        body = {"agent_type": agent, "input_data": {"task_type": "ask"}}
        await self.server.client.post("/api/agents/execute", json=body)

    async def _made(self, path: str, body: object) -> dict[str, Any]:
        answer = await self.server.client.post(path, json=body)
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.json()


def _store(url: str) -> Any:
    options = StoreOptions(url=url, durability="no", allow_weaker=True)
    return open_store(options, SystemClock(), system_random())
