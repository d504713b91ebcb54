"""The events of one replica, put together: published, kept, read, and told as they happen."""

from collections.abc import Sequence

import anyio
from litestar import Router, asgi
from litestar.types import ControllerRouterHandler

from orchestra.bus import Source
from orchestra.bus.events.keeping import Keeper
from orchestra.bus.events.latest import Latest
from orchestra.bus.events.published import Published
from orchestra.bus.events.quota import Quota
from orchestra.bus.events.reading import Events
from orchestra.bus.events.routes import EventRoutes
from orchestra.bus.limits import Limits
from orchestra.bus.live.hub import Hub
from orchestra.bus.live.places import Places
from orchestra.bus.live.sockets import Sockets
from orchestra.bus.live.streams import Live
from orchestra.bus.readers.letter_routes import ReaderRoutes
from orchestra.bus.readers.letters import Letters
from orchestra.bus.readers.routes import SubscriptionRoutes
from orchestra.bus.readers.subscriptions import Subscriptions
from orchestra.bus.signals.onlookers import Onlookers
from orchestra.bus.signals.signals import Signals
from orchestra.bus.signals.steps import Steps
from orchestra.bus.types.records import Types
from orchestra.bus.types.routes import TypeRoutes
from orchestra.clock import Clock, Ids, Random
from orchestra.provided import provided
from orchestra.security import Permission, requires
from orchestra.store.client import Store
from orchestra.store.wakes import Topics

_LISTENS = requires(Permission.EVENTS_READ, or_later=True)


class EventParts:
    """What the bus has of events."""

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        ports: tuple[Clock, Ids, Random],
        limits: Limits,
    ) -> None:
        clock, ids, chance = ports
        self._store = store
        self.published = Published(store, ids, limits)
        everything = (*sources, self.published)
        self.hub, self.kept = Hub(store, everything), Events(store, everything)
        self.latest = Latest(store, everything, clock)
        self._places = Places(store, clock, ids, limits)
        self.live = Live(self.hub, self._places, clock, chance)
        self._keeper = Keeper(store, clock, chance, limits)
        self._topics = Topics()
        session = ids.new("bus")
        self.signals = Signals(store, self._topics, clock, session)
        self._onlookers = Onlookers(self.hub, self.signals, clock, session)
        self.steps = Steps(self._onlookers, clock, ids)
        parts = {
            "published": self.published,
            "quota": Quota(store, clock, limits),
            "events": self.kept,
            "live": self.live,
            "event_types": Types(store, self._topics, clock),
            "subscriptions": Subscriptions(self.hub, store, clock, ids),
            "reader_letters": Letters(store),
            "clock": clock,
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            asgi("/api/events/ws", guards=[_LISTENS], copy_scope=True)(Sockets(self.live)),
            Router(
                "/",
                route_handlers=[EventRoutes, SubscriptionRoutes, ReaderRoutes, TypeRoutes],
                dependencies=provided(parts),
            ),
        )

    async def serve(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.hub.serve)
            group.start_soon(self._places.serve)
            group.start_soon(self.signals.serve)
            group.start_soon(self._onlookers.serve)
            group.start_soon(self.steps.serve)
            group.start_soon(self._keeper.serve)
            group.start_soon(self._store.follow, self._topics)
