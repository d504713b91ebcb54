"""Work done elsewhere, wired: post and mail, the queues of pull agents, answers that come later."""

import anyio

from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.providers.pull import PullProvider
from orchestra.agents.registry.registry import Registry
from orchestra.agents.routing.executor import Executor
from orchestra.agents.tasks.attempts import Attempts
from orchestra.agents.tasks.desk import Desk
from orchestra.agents.tasks.later import StoreLater
from orchestra.agents.tasks.ledger import Ledger
from orchestra.agents.tasks.live import Live
from orchestra.agents.tasks.mailroom import Mailroom
from orchestra.agents.tasks.post import Post
from orchestra.agents.tasks.pull import Queues
from orchestra.agents.tasks.tokens import PullTokens
from orchestra.agents.tasks.workers import Workers
from orchestra.clock import Clock, Ids
from orchestra.settings import Settings
from orchestra.store.client import Store


class Elsewhere:
    """All of it for one replica. `serve` must run."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        balancer: Balancer,
        registry: Registry,
        settings: Settings,
    ) -> None:
        self.post = Post(store, balancer.session)
        self._mail = Mailroom(store, self.post, clock)
        attempts = Attempts(store, self._mail, balancer.session)
        self.queues = Queues(attempts, balancer, registry, self.post, clock, ids)
        self.pull = PullProvider(self.queues, clock)
        self.later = StoreLater(attempts, store, clock, address(settings))
        self.tokens = PullTokens(store, clock)
        self.live = Live(self.post, clock)
        self._ports = (clock, registry)
        self._ledger = Ledger(store, clock, ids, balancer.session)
        self.workers = Workers(registry, self.queues, attempts, self.later, self.tokens)

    def desk(self, executor: Executor) -> Desk:
        """Where callers ask for tasks directly."""
        clock, registry = self._ports
        return Desk(executor, registry, self._ledger, self.live, self.post, clock)

    async def serve(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.post.serve)
            group.start_soon(self._mail.serve)
            group.start_soon(self.live.serve)

    def close(self) -> None:
        """No worker waits here any more."""
        self.queues.close()


def address(settings: Settings) -> str:
    """Where agents reach us: the public URL, else this machine."""
    return settings.public_url or f"http://127.0.0.1:{settings.port}"
