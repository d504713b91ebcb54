"""One simulated history: replicas, clients that retry, faults, and what is left at the end."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec

from orchestra.errors import Conflict, NotFound
from orchestra.store import frames, keys
from orchestra.store.failures import StoreAway
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Script
from orchestra.workflows.history.executions import Control
from orchestra.workflows.history.signals import Send, SignalAnswered
from orchestra.workflows.language.reading import definition_of
from orchestra.workflows.planning.compiling import compile_plan
from orchestra.workflows.planning.plan import Plan
from orchestra.workflows.ports import SCRIPTS
from orchestra.workflows.running.starting import Start
from simulation.checker import Evidence, violations
from simulation.definitions import SIGNALS, normalised, random_document
from simulation.evidence import give_calls, leftovers, stories
from simulation.loop import Node, World, simulate
from simulation.ports import TAGS, SimStore, Wire
from simulation.replica import Replica, Stage
from simulation.waiting import waits_broken

TENANT = Tenant("default")
HORIZON_S = 240.0
WAITS_FROM = 1_000_000
"""Histories of seeds from here on have steps that wait, and clients that send signals."""
_CALL_S = 6.0
_POLL_S = 0.5
_QUIET_S = 16.0
_WISHES = ("", "", "pause", "interrupt", "cancel", "rollback", "retry", "retry", "pause+cancel")
_UNDOABLE = frozenset("DFC")


@dataclass
class Outcome:
    """What a history came to."""

    seed: int
    violations: list[str]
    virtual_s: float
    store_calls: int
    agent_calls: int
    trace: list[tuple[float, str, str, str]] = field(repr=False, default_factory=list)


def run(seed: int, wire: Wire, planted: Mapping[str, Script] | None = None) -> Outcome:
    """One history on an emptied store."""
    wire("FLUSHALL")
    history = History(Stage(World(seed), wire, planted or {}), waits=seed >= WAITS_FROM)
    wrong: list[str] = []
    try:
        simulate(history.play)
    except BaseExceptionGroup as group:
        wrong += [f"raised {type(one).__name__}: {one}" for one in _leaves(group)]
    if not wrong:
        wrong = [*violations(history.evidence), *waits_broken(history.evidence)]
    world = history.stage.world
    return Outcome(
        seed, wrong, history.virtual_s, world.calls, len(history.stage.calls), world.trace
    )


def _leaves(group: BaseException) -> list[BaseException]:
    if isinstance(group, BaseExceptionGroup):
        return [leaf for one in group.exceptions for leaf in _leaves(one)]
    if isinstance(group, KeyboardInterrupt | SystemExit):
        raise group
    return [group]


class History:
    """Plays it, then gathers the evidence."""

    def __init__(self, stage: Stage, *, waits: bool) -> None:
        self.stage, self.world, self._waits = stage, stage.world, waits
        self.evidence = Evidence([], {})
        self.virtual_s = 0.0
        self._replicas: list[Replica] = []
        self._plans: dict[str, Plan] = {}
        self._open = 0

    async def play(self) -> None:
        began = self.world.now()
        count = self.world.random.randint(3, 6)
        names = [await self._define(i) for i in range(count)]
        async with anyio.create_task_group() as group:

            def spawn() -> None:
                replica = Replica(self.stage, Node(f"n{len(self._replicas)}"), group)
                self._replicas.append(replica)
                replica.live()

            for _ in range(self.world.random.randint(2, 3)):
                spawn()
            self._open = count
            for i, name in enumerate(names):
                group.start_soon(self._client, f"k{i}", name)
            self._open += 1
            group.start_soon(self._torment, spawn)
            while self.world.now() < began + HORIZON_S and not self._over():
                await anyio.sleep(_POLL_S)
            await anyio.sleep(_QUIET_S)  # late results arrive, leases of the dead end
            self.virtual_s = self.world.now() - began
            self._gather_store()
            await self._gather_shown()
            group.cancel_scope.cancel()

    def _living(self) -> list[Node]:
        return [replica.node for replica in self._replicas if not replica.node.dead]

    async def _define(self, number: int) -> str:
        """Save a random definition, undisturbed."""
        calm = World(0, loss=0.0, latency_s=1e-6)
        chance = random.Random(self.world.random.getrandbits(64))
        made = random_document(chance, f"w{number}", waits=self._waits)
        content, document = normalised(made)
        self._plans[content] = compile_plan(content, definition_of(document))
        workflow_id = f"wfl_{number}"
        store = SimStore(calm, self.stage.wire, None, {})
        await store.run(
            SCRIPTS["workflow_save"], keys.definitions(store.space), tenant=TENANT, id=workflow_id,
            name=document["name"], digest=content, facts=b"{}", expected="", create="1",
            document=frames.pack(msgspec.json.encode(document)), created_ms=number, idem="",
            idem_digest="", idem_ttl_ms=1,
        )  # fmt: skip
        return workflow_id

    async def _torment(self, spawn: Callable[[], None]) -> None:
        await self.world.torment(self._living, spawn)
        self._open -= 1

    # clients

    async def _client(self, key: str, workflow: str) -> None:
        chance = self.world.random
        await anyio.sleep(chance.uniform(0, 2))
        body = Start(input_data={"x": chance.randint(0, 9)})

        async def start(replica: Replica) -> str:
            started = await replica.starter.start(TENANT, workflow, body, actor="me", key=key)
            return started.execution

        eid = await self._insist(start)
        self.evidence.accepted[key] = eid
        if self._waits:
            await self._signal_some(eid)
        wish = chance.choice(_WISHES)
        if wish:
            await anyio.sleep(chance.uniform(0, 8))
            await self._steer(eid, wish)
        self._open -= 1

    async def _signal_some(self, eid: str) -> None:
        """Send signals, some of them twice and some too late; then what comes next."""
        chance = self.world.random
        async with anyio.create_task_group() as group:
            for number in range(chance.randint(0, 4)):
                group.start_soon(self._signal, eid, chance.choice(SIGNALS), number)
            if chance.random() < 0.5:
                group.cancel_scope.deadline = anyio.current_time() + chance.uniform(0, 4)

    async def _signal(self, eid: str, name: str, number: int) -> None:
        chance, payload = self.world.random, f"{name}-{number}"
        await anyio.sleep(chance.uniform(0, 6))
        key = f"s{number}" if chance.random() < 0.5 else None

        async def send(replica: Replica) -> bool:
            try:
                request = Send(name=name, payload=payload)
                await replica.signals.send(TENANT, eid, request, "me", key)
            except SignalAnswered as refused:
                first: Any = refused.context["first"]
                return bool(first["payload"] == payload)  # it was our own: the answer was lost
            except (Conflict, NotFound):
                return False
            return True

        if await self._insist(send):
            self.evidence.signals.append((eid, name, payload))

    async def _steer(self, eid: str, wish: str) -> None:
        chance = self.world.random
        match wish:
            case "pause" | "interrupt" | "pause+cancel":
                mode = "interrupt" if wish == "interrupt" else "drain"
                await self._control(eid, "pause", Control(mode=mode))
                await anyio.sleep(chance.uniform(0, 6))
                await self._control(eid, "cancel" if wish == "pause+cancel" else "resume")
            case "retry":
                for _ in range(chance.randint(1, 2)):
                    await self._until(eid, "DFCL")
                    for _ in range(4):  # while stopped attempts are still ending it has to wait
                        if await self._control(eid, "retry"):
                            break
                        await anyio.sleep(1)
            case "rollback":
                await self._control(eid, "rollback")
                await self._until(eid, "DFCL")
                if chance.random() < 0.5:
                    await self._control(eid, chance.choice(["rollback", "retry"]))
            case _:
                await self._control(eid, wish)

    async def _control(self, eid: str, op: str, body: Control | None = None) -> Any:
        async def ask(replica: Replica) -> Any:
            try:
                return await replica.executions.control(TENANT, eid, op, body or Control(), "me")
            except Conflict:
                return None  # an answer, too: not possible in this state

        return await self._insist(ask)

    async def _insist(self, call: Any) -> Any:
        """Ask some living replica, again and again, as a client behind a load balancer does."""
        while True:
            living = [one for one in self._replicas if not one.node.dead]
            replica = self.world.random.choice(living)
            with anyio.move_on_after(_CALL_S):
                try:
                    return await call(replica)
                except StoreAway:
                    pass
            await anyio.sleep(0.1)

    async def _until(self, eid: str, letters: str) -> None:
        while self._letter(eid) not in letters:
            await anyio.sleep(_POLL_S)

    # the end

    def _letter(self, eid: str) -> str:
        prefix = SimStore(self.world, self.stage.wire, None, {}).prefix(_tag(eid))
        state = self.stage.wire("HGET", keys.state(prefix, eid), "@s")
        return state.decode() if state else "-"

    def _over(self) -> bool:
        return not self._open and all(
            self._letter(eid) in "DFCL" for eid in self.evidence.accepted.values()
        )

    def _gather_store(self) -> None:
        found = self.evidence
        found.stories = stories(self.stage.wire, TAGS, self._plans)
        give_calls(found.stories, self.stage.calls)
        living = {one.lease.clock.session for one in self._replicas if not one.node.dead}
        found.leftovers = leftovers(self.stage.wire, TAGS, living)
        found.wrong = self.stage.wrong

    async def _gather_shown(self) -> None:
        self.world.loss = 0.0
        shower = next(one for one in self._replicas if not one.node.dead)
        for story in self.evidence.stories:
            story.status = await shower.executions.status(TENANT, story.id)


def _tag(eid: str) -> int:
    return int(eid[-2:], 16)
