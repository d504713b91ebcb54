"""The queues of one replica, put together."""

from collections.abc import Callable, Sequence

import anyio
import msgspec
from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from orchestra.bus import SENDING, WORKING, JobHandler, Sending, Worker, Working
from orchestra.bus.queues.calls import Calls
from orchestra.bus.queues.carried import with_trace
from orchestra.bus.queues.letter_routes import LetterRoutes, choice_of
from orchestra.bus.queues.letters import Letters
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.reading import read_own_name
from orchestra.bus.queues.records import Sent
from orchestra.bus.queues.redriving import Redriving
from orchestra.bus.queues.routes import Caller, QueueRoutes
from orchestra.bus.queues.telling import Telling
from orchestra.bus.queues.waiting import Waiting
from orchestra.bus.queues.workers import Workers
from orchestra.clock import Clock, Ids, Random
from orchestra.store.client import Store
from orchestra.store.keys import Tenant


class QueueParts:
    """What the bus has of queues."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, chance: Random) -> None:
        self._store = store
        calls = Calls(store)
        self.queues, self.letters = Queues(calls, ids, chance), Letters(calls, ids)
        self.waiting = Waiting(calls, self.queues, clock)
        self.redriving = Redriving(calls, self.letters, chance)
        self.telling = Telling(calls, ids)
        self._workers = Workers(self.queues, self.waiting, chance)
        parts = {
            "queues": self.queues,
            "letters": self.letters,
            "waiting": self.waiting,
            "redriving": self.redriving,
            "store": store,
            "clock": clock,
            "new_ids": ids,
        }
        provided = {
            name: Provide(_constant(part), sync_to_thread=False) for name, part in parts.items()
        }
        provided["choice"] = Provide(choice_of, sync_to_thread=False)
        self.routes: Sequence[ControllerRouterHandler] = (
            Router("/", route_handlers=[QueueRoutes, LetterRoutes], dependencies=provided),
        )

    async def serve(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.waiting.serve)
            group.start_soon(self.redriving.serve)
            group.start_soon(self._workers.serve)
            group.start_soon(self.telling.serve)

    async def quiesce(self) -> None:
        """Nobody waits for messages any more, and jobs in hand are finished."""
        self.waiting.close()
        await self._workers.drained()

    async def enqueue(
        self, tenant: Tenant, queue: str, job: msgspec.Struct, options: Sending = SENDING
    ) -> str:
        """See `Bus.enqueue`."""
        assert "\0" not in options.group
        assert 0 <= options.priority <= 3
        if not options.urgent:
            self._store.admit()
        sent = Sent(
            with_trace(msgspec.json.encode(job)),
            options.priority,
            options.delay_ms,
            options.group,
            options.dedup,
        )
        return (await self.queues.send(tenant, read_own_name(queue), [sent]))[0]

    def worker(
        self, tenant: Tenant, queue: str, handler: JobHandler, options: Working = WORKING
    ) -> Worker:
        """See `Bus.worker`."""
        return self._workers.add(tenant, read_own_name(queue), handler, options)


def _constant(part: object) -> Callable[[Caller], object]:
    # What depends on nothing is resolved side by side, in a task each: a sixth of a short request.
    def provide(principal: Caller) -> object:
        _ = principal
        return part

    return provide
