"""The queues of pull agents: tasks go in at one replica, workers take them at any.

A poll is a heartbeat. It waits for a task if it may, woken when one arrives; behind that it looks
by itself every second. A worker that fell silent loses its leases, and the tasks go elsewhere.
"""

import contextlib
from collections import deque

import anyio
import msgspec

from orchestra.agents import TaskError
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.providers import Answer, Call, Emit, Failure
from orchestra.agents.records import Agent
from orchestra.agents.registry.registry import Registry
from orchestra.agents.tasks.answers import LOST, reply_of, too_late
from orchestra.agents.tasks.attempts import Attempts, Held, Taken
from orchestra.agents.tasks.later import in_path
from orchestra.agents.tasks.mailroom import Waiter
from orchestra.agents.tasks.post import Post
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError
from orchestra.instants import instant

LOOK_S = 1.0
GRACE_MS = 1_500
"""In which another worker of the same agent that waits looks again, and is heard."""
MAIL_S = 1.0
Polls = dict[tuple[str, str], deque[anyio.Event]]

_decode = msgspec.json.Decoder(dict[str, object]).decode


def life_ms(agent: Agent) -> int:
    """How long a worker may be silent."""
    return agent.spec.heartbeat.ttl_s * 1_000


class Queues:
    """All queues. An `Offers` for the provider, and what workers ask for."""

    def __init__(
        self,
        attempts: Attempts,
        balancer: Balancer,
        registry: Registry,
        post: Post,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._attempts, self._balancer, self._post = attempts, balancer, post
        self._registry = registry
        self._clock, self._ids = clock, ids
        self._polls: Polls = {}
        self._closing = False
        post.on("poll", self._wake)

    def place(self, agent: Agent) -> str:
        """Where the queue of the agent is: in the slot of its pool."""
        return self._balancer.prefix(agent.tenant, agent.spec.agent_type)

    async def offer(
        self, agent: Agent, call: Call, fence: int, envelope: bytes
    ) -> "Offered | None":
        """See `Offers.offer`."""
        lease = f"{self._ids.new('lse')}.{agent.id}"
        held = Held(self.place(agent), call.task.id, lease, fence)
        rank = 15 - min(max(call.task.priority, 0), 15)
        made = await self._attempts.offer(held, agent.id, (call.timeout_ms, rank), envelope)
        if made is None:
            return None
        waiter, session = made
        await self._post.send(session, "poll", f"{held.place} {agent.id}")
        return Offered(self._attempts, held, waiter, life_ms(agent) / 1_000, self._clock)

    async def poll(self, agent: Agent, slots: int, wait_s: float) -> list[dict[str, object]]:
        """At most `slots` tasks; none when none came within `wait_s`.

        Raises AgentUnknown for one that was removed meanwhile, StoreAway. A worker that is gone
        before its answer (this is cancelled) has left.
        """
        try:
            return await self._poll(agent, slots, wait_s)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 1.0):
                with contextlib.suppress(OrchestraError):
                    await self.leave(agent)
            raise

    async def _poll(self, agent: Agent, slots: int, wait_s: float) -> list[dict[str, object]]:
        until = self._clock.monotonic() + wait_s
        while True:
            left = 0.0 if self._closing else until - self._clock.monotonic()
            event = self._line(agent)
            try:
                taken = await self._take(agent, slots, max(0, round(left * 1_000)))
                if taken or left <= 0:
                    return [self._told(agent, one) for one in taken]
                with anyio.move_on_after(min(left, LOOK_S)):
                    await event.wait()
            finally:
                self._unline(agent, event)

    async def leave(self, agent: Agent) -> None:
        """A worker is gone: unless another one polls, too, the agent is soon picked no more."""
        await self._attempts.poll(self.place(agent), agent.id, 0, 0, GRACE_MS)

    def close(self) -> None:
        """No poll waits any more: this replica is about to end."""
        self._closing = True
        for line in self._polls.values():
            for event in line:
                event.set()

    async def _take(self, agent: Agent, slots: int, wait_ms: int) -> list[Taken]:
        place, alive_ms = self.place(agent), life_ms(agent)
        taken = await self._attempts.poll(place, agent.id, slots, alive_ms, wait_ms)
        if taken is None:
            await self._registry.refresh()
            agent = self._registry.roster(agent.tenant).find(agent.id)
            if agent.selectable:
                await self._balancer.put(agent, fresh=True)
                taken = await self._attempts.poll(place, agent.id, slots, alive_ms, wait_ms)
        return taken or []

    def _told(self, agent: Agent, taken: Taken) -> dict[str, object]:
        """The envelope as the worker gets it; the lease is in the record of the attempt."""
        told = _decode(taken.envelope)
        at = f"/api/agents/tasks/{in_path(taken.task)}"
        return told | {
            "timeout_ms": taken.left_ms,
            "deadline": instant(self._clock.now_ms() + taken.left_ms),
            "lease": {"id": taken.lease, "ttl_ms": life_ms(agent)},
            "links": {verb: f"{at}/{verb}" for verb in ("heartbeat", "complete", "fail")},
        }

    def _line(self, agent: Agent) -> anyio.Event:
        event = anyio.Event()
        self._polls.setdefault((self.place(agent), agent.id), deque()).append(event)
        return event

    def _unline(self, agent: Agent, event: anyio.Event) -> None:
        key = (self.place(agent), agent.id)
        line = self._polls.get(key)
        if line is None:
            return
        if event in line:
            line.remove(event)
        if not line:
            del self._polls[key]

    def _wake(self, text: str) -> None:
        """A task arrived: the worker that waits longest here asks for it."""
        place, _, agent_id = text.rpartition(" ")
        for event in self._polls.get((place, agent_id), ()):
            if not event.is_set():
                event.set()
                return


class Offered:
    """A task in a queue, or with a worker."""

    def __init__(
        self, attempts: Attempts, held: Held, waiter: Waiter, look_s: float, clock: Clock
    ) -> None:
        self._attempts, self._held, self._waiter = attempts, held, waiter
        self._look_s, self._now = look_s, clock.monotonic

    async def wait(self, timeout_s: float, emit: Emit | None) -> Answer | Failure:
        """See `providers.pull.Offered.wait`."""
        waiter, until = self._waiter, self._now() + timeout_s
        waiter.emit = emit
        try:
            while not waiter.over and (left := until - self._now()) > 0:
                await waiter.news(min(left, self._look_s))
                if waiter.over or self._now() - waiter.heard < self._look_s:
                    continue
                if await self._attempts.withdraw(self._held, idle=True) == "q":
                    return GONE
            state = "" if waiter.over else await self._attempts.withdraw(self._held)
            if state in ("d", "l"):  # it ended just now, and the mail is on its way
                await waiter.news(MAIL_S)
        except BaseException:
            await self._attempts.withdraw(self._held)
            raise
        finally:
            self._attempts.mail.forget(self._held.place, self._held.lease)
        if waiter.lost:
            return LOST
        return reply_of(waiter.said) if waiter.over else too_late(timeout_s, begun=state != "q")


GONE = Failure(
    TaskError("agent.unavailable", "no worker polls any more"), elsewhere=True, again=True
)


def agent_in(lease: str) -> str:
    """The agent in the id of a lease."""
    return lease.partition(".")[2]
