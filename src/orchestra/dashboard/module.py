"""The dashboard module: wiring and lifetime."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import anyio
import anyio.to_thread
from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from orchestra.clock import Clock, Ids
from orchestra.dashboard import (
    Streams,
    Web,
    appearance,
    builder,
    editor,
    kitchen,
    listing,
    listing_batch,
    overview,
    palette,
    signing_in,
    views,
    workflows,
)
from orchestra.dashboard.agents import routes as agents
from orchestra.dashboard.alerts import routes as alerts
from orchestra.dashboard.asking import DEADLINE_S, Api, is_no_id
from orchestra.dashboard.board import Board
from orchestra.dashboard.drawings import Drawings
from orchestra.dashboard.events import routes as events
from orchestra.dashboard.execution import again, comparing, exporting, pages, steering
from orchestra.dashboard.failing import Failing
from orchestra.dashboard.failures import pages as failure_pages
from orchestra.dashboard.failures.routes import FailureRoutes
from orchestra.dashboard.forms import judged
from orchestra.dashboard.insights import routes as insights
from orchestra.dashboard.live import live
from orchestra.dashboard.logs import routes as logs
from orchestra.dashboard.preferences import Kept
from orchestra.dashboard.queues import routes as queues
from orchestra.dashboard.rendering import Pages
from orchestra.dashboard.settings import routes as settings
from orchestra.dashboard.sharing import Shared
from orchestra.dashboard.site import Answer, Asking, Parts, Site, known
from orchestra.dashboard.watching import monitoring
from orchestra.dashboard.webhooks import routes as webhooks
from orchestra.errors import NotFound
from orchestra.security.gateway import Gateway
from orchestra.security.sessions import Sessions
from orchestra.store.client import Store

PAGES = (
    *signing_in.ROUTES,
    *overview.ROUTES,
    *workflows.ROUTES,
    *editor.ROUTES,
    *builder.ROUTES,
    *listing.ROUTES,
    *listing_batch.ROUTES,
    *comparing.ROUTES,
    *pages.ROUTES,
    *again.ROUTES,
    *exporting.ROUTES,
    *steering.ROUTES,
    *agents.ROUTES,
    *events.ROUTES,
    *queues.ROUTES,
    *failure_pages.ROUTES,
    *webhooks.ROUTES,
    *monitoring.ROUTES,
    *insights.ROUTES,
    *settings.ROUTES,
    *logs.ROUTES,
    *alerts.ROUTES,
    *kitchen.ROUTES,
    *appearance.ROUTES,
    *palette.ROUTES,
    *views.ROUTES,
)


SETTLED_S: Final = 2.0


class DashboardModule:
    """The pages of this process. A `Module`; it runs in every process, and asks the others."""

    name = "dashboard"

    def __init__(self, web: Web, streams: Streams, store: Store, clock: Clock, ids: Ids) -> None:
        self._clock, board = clock, Board(clock)
        api = Api(Shared(clock, board.told), max(DEADLINE_S, web.patience_s + 1.0))
        pages = self._pages = Pages(web.templates, web.url)
        kept = Kept(store, clock)
        parts = Parts(pages, api, streams, Drawings(api), board, clock, ids, kept, store.admit)
        self._site = Site(parts)
        self._failing, site = Failing(self._site), self._site
        given = {"site": Provide(lambda: site, sync_to_thread=False)}
        router = Router(
            "/",
            route_handlers=PAGES,
            dependencies=given,
            exception_handlers=self._failing.handlers(),
            include_in_schema=False,
            request_class=Request,
            before_request=where(site),
        )
        interface = Router("/", route_handlers=[FailureRoutes], dependencies=given)
        self.routes: Sequence[ControllerRouterHandler] = (live(site), router, interface)

    def begin(self, app: Litestar, sessions: Sessions, gateway: Gateway) -> None:
        """The application is there, and who signs in at `/login` is known at the gateway."""
        self._site.api.begin(app)
        handlers = cast("dict[Any, Any]", cast("Any", app).exception_handlers)
        handlers[HTTPException] = self._failing.elsewhere(handlers[HTTPException])
        gateway.sessions = self._site.sessions = sessions
        self._site.mode, self._site.tls = gateway.policy.mode, gateway.policy.tls
        self._site.proxies = gateway.policy.proxies

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open pages are told what happens."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._site.board.serve)
            group.start_soon(self._compile)
            yield
            group.cancel_scope.cancel()

    async def _compile(self) -> None:
        """Templates, once the start is over: one at a time, so that nobody waits for all."""
        await self._clock.sleep(SETTLED_S)
        for name in self._pages.names:
            await anyio.to_thread.run_sync(self._pages.compile, name)

    async def quiesce(self) -> None:
        """Its streams are those of the bus, which ends them."""

    async def check(self) -> None:
        """It is as well as what it shows."""


def where(site: Site) -> Callable[[Asking], Awaitable[Answer | None]]:
    """Before any state is read: is the change asked for by a page, where its stream begins.

    What many pages ask for at the same moment is at hand for all but the first: nothing is read.
    """

    async def note(request: Asking) -> Answer | None:
        scope = cast("dict[str, object]", request.scope)
        scope["asked_at"] = site.clock.monotonic()
        await judged(request)
        if any(is_no_id(name, str(one)) for name, one in request.path_params.items()):
            raise NotFound("there is no page at this address")
        at_hand = site.at_hand(request)
        if at_hand is not None:
            return at_hand
        if request.method == "GET" and not request.url.path.startswith("/ui/"):
            scope["since"] = site.streams.position()
        principal = known(request)
        if principal is not None:  # a form that comes back with findings is a page, too
            scope["liked"] = await site.kept.of(principal)
        return None

    return note  # a function: Litestar copies whatever else it is given
