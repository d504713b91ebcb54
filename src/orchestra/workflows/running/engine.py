"""The engine of one replica: it beats, ticks and claims in every partition, and drains when told.

Any replica may do any of it at any time; two at once are harmless (ENGINE.md §1.7). What is to be
done with a claim is `worker.py`, what is decided about it `planner.py`.
"""

from typing import Any

import anyio
import structlog

from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.workflows.planning.facts import Facts
from orchestra.workflows.ports import SCRIPTS, STORE_SCRIPTS
from orchestra.workflows.running.claims import Around, claims_in
from orchestra.workflows.running.hands import Hands
from orchestra.workflows.running.worker import Worker

log = structlog.get_logger(__name__)

LEASE_MS = 3_000
TICK_S, TICK_JITTER = 0.5, 0.2
TIMERS_MAX = 100
CLAIM_MAX = 64
POLL_S = (0.02, 1.0)
DRAINED_POLL_S = 0.02
HAND_BACK_S = 2.0
WAIT_POLL_S = 2.0


class Signal:
    """An event that can be awaited with a deadline, again and again."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self.was_set = False
        """Whether the last wait ended because of it."""

    def set(self) -> None:
        """Wake whoever waits, now or next."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until it is set, at most so long; then it is unset."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self.was_set = self._event.is_set()
        self._event = anyio.Event()


class Engine:
    """Moves executions forward. `live` runs until it is cancelled."""

    def __init__(self, around: Around, *, alone: bool = False) -> None:
        self._a = around
        self.worker = Worker(around, self)
        self.drained = False
        """Nothing runs here any more: what is not over ends elsewhere, or after a restart."""
        self._alone = set(around.store.partitions) if alone else set[int]()
        self._woken = {tag: Signal() for tag in around.store.partitions}
        self._timers = {tag: Signal() for tag in around.store.partitions}
        self._due: dict[int, float] = dict.fromkeys(around.store.partitions, 0.0)
        self._round = 0.0
        self._odd: dict[int, int] = dict.fromkeys(around.store.partitions, 0)
        self._waiters: dict[str, anyio.Event] = {}

    @property
    def hands(self) -> Hands:
        """What this replica holds."""
        return self._a.hands

    def facts(self, execution: str) -> Facts:
        """What this replica remembers of an execution."""
        return self._a.memory.facts(execution)

    def steered(self, tag: int, execution: str, op: str) -> None:
        """A caller here paused, resumed, cancelled … an execution: look at once."""
        if op in ("retry", "rollback"):
            self._a.memory.forget(execution)
        self.timer_set(tag, 0)
        self._woken[tag].set()

    def suspect(self, tag: int) -> None:
        """A reply that may have carried claims was lost: look what the store says, soon."""
        self._a.spawn(self.doubt, tag)

    def start(self) -> None:
        """Spawn the loops of every partition."""
        self._a.spawn(self._wake_waiters)
        for tag in self._a.store.partitions:
            self._a.spawn(self._claim, tag)
            self._a.spawn(self._tick, tag)

    # what others tell the engine

    def woken(self, tag: int, message: bytes) -> None:
        """A message of the wake channel: `=eid` ended, `!what` is to stop, else a queue's name."""
        text = message.decode()
        if text[:1] == "=":
            self.ended(text[1:])
        elif text[:1] == "!":
            self._a.hands.stop(tag, text[1:])
        else:
            self._woken[tag].set()

    def ended(self, execution: str) -> None:
        """An execution ended: whoever waits for it looks again."""
        event = self._waiters.pop(execution, None)
        if event is not None:
            event.set()

    async def waited(self, execution: str) -> None:
        """Until an execution ended, or for two seconds: word of the end may be lost.

        One clock wakes all who wait: a timer for each would cost more than the execution.
        """
        event = self._waiters.get(execution)
        if event is None:
            event = self._waiters[execution] = anyio.Event()
        await event.wait()

    async def _wake_waiters(self) -> None:
        while True:
            waiting = list(self._waiters)
            await self._a.clock.sleep(WAIT_POLL_S)
            for execution in waiting:
                self.ended(execution)

    def remembers_end(self, execution: str) -> bool:
        """Whether it ended in a transition made here."""
        return self.facts(execution).end is not None

    def beaten(self, tag: int, held: int, stopped: list[str]) -> None:
        """A lease renewal was answered: how many steps the store says we hold, and what to stop."""
        for what in stopped:
            self._a.hands.stop(tag, what)
        self._odd[tag] = self._odd[tag] + 1 if held > self._a.hands.known(tag) else 0
        if self._odd[tag] >= 2:
            self._odd[tag] = 0
            self._a.spawn(self.doubt, tag)

    def fence(self, tag: int | None = None) -> None:
        """Our lease may be over: stop every call. What was stopped is released or reaped."""
        self._a.hands.stop_all("fence", tag)

    def timer_set(self, tag: int, delay_ms: int) -> None:
        """A timer was set here: be there when it is due."""
        due = self._a.clock.monotonic() + delay_ms / 1_000
        if due < self._due[tag]:
            self._due[tag] = due
            self._timers[tag].set()

    # loops

    async def _claim(self, tag: int) -> None:
        """Take ready work whenever there is some, and a slot for it."""
        pause = POLL_S[0]
        while not self._a.hands.closed:
            await self._woken[tag].wait(pause)
            free = self._a.hands.free
            if not free or not self._a.lease.joined(tag) or self._a.lease.fenced(tag):
                pause = POLL_S[0]
                continue
            taken = await self._claim_once(tag, min(free, CLAIM_MAX))
            pause = POLL_S[0] / 20 if taken else min(POLL_S[1], max(pause, POLL_S[0]) * 2)

    async def _claim_once(self, tag: int, most: int) -> int:
        queues = "*" + "".join(f"\n-{name}" for name in self._a.agents.saturated())
        try:
            reply = await self._a.store.run(
                SCRIPTS["work_claim"], self._a.store.prefix(tag),
                session=self._a.lease.session, max=most, lease_ms=0, queues=queues,
            )  # fmt: skip
        except (StoreAway, NotReplicated):
            await self.doubt(tag)
            return 0
        claims = claims_in(tag, reply, 1) if reply[0] == 1 else []
        self.worker.take(claims)
        return len(claims)

    async def _tick(self, tag: int) -> None:
        """Let due timers fire and take back what the dead held."""
        while True:
            now = self._a.clock.monotonic()
            self._due[tag] = max(self._due[tag], now) if self._due[tag] else self._next_round(now)
            await self._timers[tag].wait(self._due[tag] - now)
            self._due[tag] = 0.0
            next_ms = await self._tick_once(tag)
            if next_ms is not None and next_ms < TICK_S * 1_000:
                self._due[tag] = self._a.clock.monotonic() + next_ms / 1_000

    def _next_round(self, now: float) -> float:
        """When all partitions tick next: together, so that their writes share one fsync.

        Each at a time of its own, they cost a disk of 3 ms a tenth of what it can do.
        """
        if now >= self._round:
            spread = 1 + TICK_JITTER * (2 * self._a.chance.random() - 1)
            self._round = now + TICK_S * spread
        return self._round

    async def _tick_once(self, tag: int) -> int | None:
        alone = ""
        if tag in self._alone:
            if not self._a.lease.joined(tag):
                return 20
            alone = self._a.lease.session
        try:
            reply = await self._a.store.run(
                STORE_SCRIPTS["clock_tick"], self._a.store.prefix(tag),
                max=TIMERS_MAX, lease_ms=LEASE_MS, alone=alone,
            )  # fmt: skip
        except (StoreAway, NotReplicated):
            return None
        self._alone.discard(tag)
        if reply[0] or reply[1]:
            self._woken[tag].set()
        return None if reply[2] in (b"", "") else int(reply[2])

    async def doubt(self, tag: int, *, everything: bool = False) -> None:
        """Hand back what the store says we hold and we do not know of: a reply was lost.

        `everything`: what we know of, too.
        """
        a, prefix = self._a, self._a.store.prefix(tag)
        session = a.lease.session
        try:
            held: list[Any] = await a.store.run(
                STORE_SCRIPTS["session_held"], prefix, session=session
            )
            for i in range(0, len(held), 5):
                item, state = held[i].decode(), held[i + 1].decode()
                known = not everything and (item, state[1:]) in a.hands.held.get(tag, {})
                if state[0] == "r" and not known:
                    log.info("step.handed_back", item=item)
                    await a.store.run(
                        SCRIPTS["step_release"], prefix, item=item, token=state[1:], stopped=1
                    )
        except (StoreAway, NotReplicated):
            self._odd[tag] = 2  # the next beat that finds more than we know asks again

    # the end

    async def drain(self, seconds: float) -> None:
        """Claim nothing more, let calls finish, hand the rest back. Safe to repeat."""
        if not self._a.hands.closed:
            self._a.hands.closed = True
            log.info("engine.draining", steps=self._a.hands.count)
        await self._emptied(seconds)
        self._a.hands.stop_all("drain")
        await self._emptied(HAND_BACK_S)
        self.drained = True
        for execution in list(self._waiters):
            self.ended(execution)

    async def leave(self) -> None:
        """Say goodbye everywhere: what is still ours is for others from now on."""
        for tag in self._a.store.partitions:
            try:
                if await self._left(tag):
                    continue
                await self.doubt(tag, everything=True)
                if not await self._left(tag):
                    log.warning("session.not_left", partition=tag)
            except (StoreAway, NotReplicated):
                log.warning("session.not_left", partition=tag)

    async def _left(self, tag: int) -> bool:
        reply = await self._a.store.run(
            STORE_SCRIPTS["session_leave"], self._a.store.prefix(tag),
            session=self._a.lease.session,
        )  # fmt: skip
        return bool(reply[0])

    async def _emptied(self, within_s: float) -> None:
        end = self._a.clock.monotonic() + within_s
        while self._a.hands.count and self._a.clock.monotonic() < end:
            await self._a.clock.sleep(DRAINED_POLL_S)
