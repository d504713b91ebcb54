"""What happened lately, for all open pages of this process at once.

However much happens, a page is told the gist of it, at once and then at most every 100 ms: which
executions changed, and which topics. So two hundred pages cost what one costs, and no page sees
an event; what is shown is read anew.
"""

from collections import defaultdict
from math import inf
from typing import Final

import anyio
import msgspec

from orchestra.bus import Glances
from orchestra.clock import Clock
from orchestra.dashboard.telling import Gist, Untold
from orchestra.store.keys import Tenant

FLUSH_S: Final = 0.1
WHOLE_S: Final = 1.0
"""What is read anew as a whole is told at most so often: all pages ask at the same time."""
ASKED_MAX: Final = 100
"""Of how many pages a second a tenant's may be told so: beyond, each of them is told less often."""
ROWS_MAX: Final = 64
"""More rows that change in a second make the list stale as a whole, for the next second, too."""


class Lately(msgspec.Struct):
    """Of one tenant."""

    pages: set[Untold] = msgspec.field(default_factory=set[Untold])
    happened: defaultdict[str, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))
    """Which types of events: with which keys."""
    whole: set[str] = msgspec.field(default_factory=set[str])
    """Topics to be read anew as a whole, and not told yet."""
    whole_at: float = -inf
    """When such were told last (monotonic)."""
    told_at: float = 0.0
    """When a page was told anything."""
    busy: bool = False
    """Whether too many rows changed in the second before."""
    rows: int = 0
    """How many were told since."""


class Board:
    """Open pages, and what they are not told yet. `serve` must run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tenants: dict[Tenant, Lately] = {}
        self._news = anyio.Event()

    def come(self, tenant: Tenant, page: Untold) -> None:
        """From now on the page is told."""
        self._tenants.setdefault(tenant, Lately()).pages.add(page)

    def leave(self, tenant: Tenant, page: Untold) -> None:
        """It is closed."""
        lately = self._tenants.get(tenant)
        if lately is not None:
            lately.pages.discard(page)
            if not lately.pages:
                del self._tenants[tenant]

    def told(self, tenant: Tenant) -> float:
        """When a page of the tenant was last told anything (monotonic); 0 if none is open."""
        lately = self._tenants.get(tenant)
        return lately.told_at if lately is not None else 0.0

    def settled(self, tenant: Tenant) -> bool:
        """Whether the pages were told all that was seen."""
        lately = self._tenants.get(tenant)
        return lately is None or not (lately.happened or lately.whole)

    def see(self, glances: Glances) -> None:
        """It happened just now."""
        for (tenant, type_), keys in glances.items():
            lately = self._tenants.get(tenant)
            if lately is not None:
                lately.happened[type_].update(keys)
                self._news.set()

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            now = self._clock.monotonic()
            left = [self._deal(lately, now) for lately in self._tenants.values()]
            if any(left):
                self._news.set()
            await anyio.sleep(FLUSH_S)

    def _deal(self, lately: Lately, now: float) -> bool:
        """Tell the pages of a tenant. Whether there is something they must be told later."""
        gist, lately.happened = Gist(lately.happened), defaultdict(set)
        lately.whole |= gist.whole
        lately.rows += len(gist.rows)
        if gist.rows and (lately.busy or lately.rows > ROWS_MAX):
            gist.rows.clear()
            lately.whole.add("executions")
        due = now - lately.whole_at >= max(WHOLE_S, len(lately.pages) / ASKED_MAX)
        gist.whole = lately.whole if due else set()
        if due and lately.whole:
            lately.busy, lately.rows = lately.rows > ROWS_MAX, 0
            lately.whole, lately.whole_at = set(), now
        marked = [page.happened(gist, now) for page in lately.pages]
        if any(marked):
            lately.told_at = now
        return bool(lately.whole)
