"""One round of chaos: executions submitted over HTTP while replicas and the store are killed."""

import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import msgspec
from simulation.checker import Evidence, Story, violations
from simulation.evidence import leftovers, stories
from simulation.ports import Wire
from simulation.waiting import waits_broken

from chaos.fleet import Fleet, Server
from chaos.mixture import MIXTURE
from orchestra.store import frames, keys, partitions
from orchestra.workflows.language.reading import definition_of
from orchestra.workflows.planning.compiling import compile_plan
from orchestra.workflows.planning.plan import Plan

TAGS = partitions.partitions(16)
PREFIXES = [partitions.prefix(tag) for tag in TAGS]
CLIENTS = 12
_LOOK_S = 0.25
_CALL_S = 30.0
_QUIET_S = 4.5
_AGAIN_S = 30.0
"""The figure is printed; 5 s are promised, and a machine that stalls is not that quick."""
_REST_S = 60.0
_VERBS = ("", "", "", "", "", "", "pause", "cancel", "rollback")


@dataclass(frozen=True)
class Size:
    """How much of it."""

    executions: int
    kills: int
    store_kills: int
    end_s: float


SHORT, LONG = Size(40, 4, 1, 180.0), Size(300, 30, 5, 300.0)


def size() -> Size:
    """By the environment: `ORCHESTRA_TEST_CHAOS=long` is the long round."""
    return LONG if os.environ.get("ORCHESTRA_TEST_CHAOS") == "long" else SHORT


class Plans(dict[str, Plan]):
    """Compiled from the store's own definitions, by digest."""

    def __init__(self, read: Any) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, digest: str) -> Plan:
        framed = self._read("GET", keys.definition(keys.definitions(), digest))
        document = msgspec.json.decode(frames.unpack(framed))
        made = self[digest] = compile_plan(digest, definition_of(document))
        return made


class Round:
    """Plays it; `figures` and `wrong` say what came of it."""

    def __init__(self, size: Size, fleet: Fleet, seed: int) -> None:
        self.size, self.fleet, self.seed = size, fleet, seed
        self.chance = random.Random(seed)
        self.accepted: dict[str, str] = {}
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.figures: dict[str, Any] = {}
        self._left = list(range(size.executions))
        self._killed = False

    async def play(self) -> None:
        began = time.monotonic()
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(timeout=_CALL_S, limits=limits) as client:
            await self.fleet.ready(client)
            workflows = [await self._define(client, one) for one in MIXTURE]
            async with anyio.create_task_group() as group:
                group.start_soon(self._look)
                async with anyio.create_task_group() as clients:
                    clients.start_soon(self._kill, client)
                    for _ in range(CLIENTS):
                        clients.start_soon(self._submit, client, workflows)
                await self._end(began)
                await self.fleet.ready(client)
                await anyio.sleep(_QUIET_S)
                group.cancel_scope.cancel()
            await self._judge(client)
        self.figures["seconds"] = round(time.monotonic() - began, 1)

    async def _look(self) -> None:
        while True:
            await anyio.to_thread.run_sync(self.fleet.look, PREFIXES[:2])
            await anyio.sleep(_LOOK_S)

    # clients

    async def _define(self, client: httpx.AsyncClient, document: dict[str, Any]) -> str:
        reply = await self._ask(client, "POST", "/api/workflows", document, document["name"])
        return str(reply["id"])

    async def _submit(self, client: httpx.AsyncClient, workflows: list[str]) -> None:
        """Start what is left, at the pace of the kills."""
        while self._left:
            number = self._left.pop()
            path = f"/api/workflows/{self.chance.choice(workflows)}/execute"
            body = {"input_data": {"n": number % 10}}
            reply = await self._ask(client, "POST", path, body, f"key-{number}")
            self.accepted[f"key-{number}"] = reply["execution_id"]
            if verb := self.chance.choice(_VERBS):
                await anyio.sleep(self.chance.uniform(0, 1))
                await self._steer(client, reply["execution_id"], verb)
            while not self._killed and len(self._left) < self._due():  # noqa: ASYNC110  # a pace
                await anyio.sleep(0.1)

    def _due(self) -> float:
        """How many executions are to be left at this point: they last as long as the kills."""
        planned = self.size.kills + self.size.store_kills
        done = len(self.fleet.deaths)
        return self.size.executions * (1 - (done + 1) / (planned + 1)) - CLIENTS

    async def _steer(self, client: httpx.AsyncClient, eid: str, verb: str) -> None:
        await self._ask(client, "POST", f"/api/executions/{eid}/{verb}", {}, "")
        if verb == "pause":
            await anyio.sleep(self.chance.uniform(0, 2))
            await self._ask(client, "POST", f"/api/executions/{eid}/resume", {}, "")

    async def _ask(
        self, client: httpx.AsyncClient, method: str, path: str, body: Any, key: str
    ) -> Any:
        """The same request to one replica after the other until one answers."""
        headers = {"Idempotency-Key": key} if key else {}
        while True:
            server = self.chance.choice(self.fleet.servers)
            try:
                answer = await client.request(method, server.url + path, json=body, headers=headers)
            except httpx.HTTPError as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(answer.status_code)] += 1
                if answer.status_code < 500 and answer.status_code != 429:
                    if answer.status_code >= 400 and answer.status_code != 409:
                        self.wrong.append(
                            f"{method} {path}: {answer.status_code} {answer.text[:300]}"
                        )
                    return answer.json()
                if answer.status_code not in (429, 503):
                    self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            await anyio.sleep(0.1)

    # faults

    async def _kill(self, client: httpx.AsyncClient) -> None:
        faults = ["replica"] * self.size.kills + ["store"] * self.size.store_kills
        self.chance.shuffle(faults)
        for fault in faults:
            await self.fleet.ready(client)
            await anyio.sleep(self.chance.uniform(0.3, 1.2))
            if fault == "store":
                await self.fleet.kill_store()
            else:
                victim: Server = self.chance.choice(self.fleet.servers)
                self.fleet.kill_replica(victim)
        self._killed = True

    # the end

    async def _end(self, began: float) -> None:
        """Wait until nothing lives, at most so long."""
        while time.monotonic() - began < self.size.end_s:
            with self.fleet.client() as store:
                if not any(store.zcard(keys.live(prefix)) for prefix in PREFIXES):
                    return
            await anyio.sleep(0.2)

    async def _judge(self, client: httpx.AsyncClient) -> None:
        with contextlib.closing(Wire(("127.0.0.1", self.fleet.valkey.port))) as wire:
            found = stories(wire, TAGS, Plans(wire))
            left = await self._left_over(wire)
        for story in found:
            story.status = await self._ask(
                client, "GET", f"/api/executions/{story.id}/status", None, ""
            )
        evidence = Evidence(found, self.accepted, left)
        self.wrong += [*violations(evidence), *waits_broken(evidence)]
        self._measure(found)

    async def _left_over(self, wire: Wire) -> list[str]:
        """What still lies there when the leases of the dead had time to end."""
        until = time.monotonic() + _REST_S
        while True:
            self.fleet.look(PREFIXES[:2])
            now_ms = time.time_ns() // 1_000_000
            living = {name for name, until in self.fleet.seen.items() if until > now_ms}
            left = leftovers(wire, TAGS, living)
            if not left or time.monotonic() > until:
                return left
            await anyio.sleep(_LOOK_S)

    def _measure(self, found: list[Story]) -> None:
        recorded = Counter[str]()
        for story in found:
            recorded.update(line.kind for line in story.lines)
        delays, outages = self._redispatched(found)
        engines = [one for one in self.fleet.modules if not one or "workflows" in one]
        # Of one engine alone it is the next process that hands out, once it has started.
        if delays and max(delays) >= _AGAIN_S and len(engines) > 1:
            self.wrong.append(f"handed out again only {max(delays):.2f} s after the death")
        deaths = Counter("store" if death.port == 0 else "replica" for death in self.fleet.deaths)
        self.figures |= {
            "what": "chaos", "seed": self.seed, **asdict(self.size), "accepted": len(self.accepted),
            "found": len(found), "killed": dict(deaths),
            "ended": dict(Counter(story.letter for story in found)),
            "stuck": sum(story.letter not in tuple("DFCL") for story in found),
            "transitions": dict(recorded), "answers": dict(self.answers),
            "handed_out_again": len(delays), "again_over_store_outage": len(outages),
            "again_mean_s": round(statistics.mean(delays), 2) if delays else None,
            "again_max_s": round(max(delays), 2) if delays else None,
            "again_max_over_outage_s": round(max(outages), 2) if outages else None,
            "violations": len(self.wrong),
        }  # fmt: skip

    def _redispatched(self, found: list[Story]) -> tuple[list[float], list[float]]:
        """Seconds from a replica's death until each of its steps was ready again; those during
        which the store died, too, apart.
        """
        clean, outages = list[float](), list[float]()
        for story in found:
            for line in story.lines:
                if line.kind != "L" or line.data not in self.fleet.seen:
                    continue
                last_ms = self.fleet.seen[line.data] - 3_000  # its last renewal
                dead = [d.at_ms for d in self.fleet.deaths if d.port and d.at_ms >= last_ms - 50]
                if not dead or dead[0] > line.at_ms:
                    continue
                over = any(
                    not d.port and last_ms - 50 <= d.at_ms <= line.at_ms for d in self.fleet.deaths
                )
                (outages if over else clean).append((line.at_ms - dead[0]) / 1_000)
        return clean, outages


def play(size: Size, seed: int, modules: tuple[str, ...] = ("", "")) -> Round:
    """A round on a fleet of its own: so many processes, with these modules."""
    with tempfile.TemporaryDirectory(prefix="orc-chaos-") as folder:
        fleet = Fleet(Path(folder), modules)
        try:
            fleet.start()
            made = Round(size, fleet, seed)
            anyio.run(made.play)
        finally:
            fleet.stop()
    return made


def main() -> int:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    made = play(size(), seed)
    print(json.dumps(made.figures))  # noqa: T201  # what it is for
    print(*made.wrong[:20], sep="\n")  # noqa: T201
    return bool(made.wrong)


if __name__ == "__main__":
    sys.exit(main())
