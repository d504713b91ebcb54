"""The notifications part of monitoring: wiring and lifetime."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import anyio
from litestar import Router
from litestar.types import ControllerRouterHandler

from orchestra.bus import Reading
from orchestra.clock import Clock, Ids
from orchestra.monitoring.notifications.book import Book
from orchestra.monitoring.notifications.contacts import Contacts
from orchestra.monitoring.notifications.hush import Silences
from orchestra.monitoring.notifications.ports import Ports
from orchestra.monitoring.notifications.posting import Postman
from orchestra.monitoring.notifications.quieting import Quieting
from orchestra.monitoring.notifications.routes import ContactRoutes, SilenceRoutes
from orchestra.monitoring.notifications.shelf import Shelf
from orchestra.monitoring.notifications.telling import Teller
from orchestra.monitoring.notifications.timing import Lead, Timekeeper
from orchestra.monitoring.tending import tend
from orchestra.provided import provided
from orchestra.store import notice_keys
from orchestra.store.client import Store
from orchestra.store.repeats import Repeats

READER: Final = "notifications"
PATTERNS: Final = ("alert.*", "webhook.exhausted", "webhook.disabled")
READING: Final = Reading(
    start="oldest",
    in_flight_max=8,
    tries=20,
    backoff_ms=(100, 1_000, 5_000, 15_000, 60_000),
)
"""The store may be away for a quarter of an hour before a word is given up."""


class NotificationsPart:
    """Notifications of one replica. A `Part` of monitoring."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, lead: Lead, ports: Ports) -> None:
        self._clock = clock
        self.book, self.silences, self.shelf = (
            Book(store, clock),
            Silences(store, clock),
            Shelf(store),
        )
        self.postman = Postman(self.book, self.shelf, ports, clock, ids)
        self.teller = Teller(
            self.shelf, self.book, self.silences, self.postman, (ports.firing, clock)
        )
        self.timekeeper = Timekeeper(self.shelf, self.teller, self.postman, lead, ports, clock)
        ports.bus.subscribe(READER, PATTERNS, self.teller.handle, READING)
        repeats = partial(Repeats, store, notice_keys.notices(store.space))
        parts = {
            "contacts": Contacts(self.book, ports.hooks, repeats("contact"), clock, ids),
            "quieting": Quieting(self.silences, repeats("silence"), clock, ids),
            "book": self.book,
            "postman": self.postman,
            "silences": self.silences,
            "others": ports,
            "clock": clock,
            "store": store,
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            Router(
                "/", route_handlers=[ContactRoutes, SilenceRoutes], dependencies=provided(parts)
            ),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Groups are looked at for the duration of the block, where this replica leads."""
        async with anyio.create_task_group() as group:
            group.start_soon(tend, self.timekeeper.serve, self._clock)
            group.start_soon(tend, self.timekeeper.serve_watchdog, self._clock)
            yield
            group.cancel_scope.cancel()

    async def quiesce(self) -> None:
        """Nothing waits here: what is decided is in the store."""
