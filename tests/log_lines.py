"""Lines for the tests of the log, and a log of its own for each."""

import json
from collections.abc import Sequence
from typing import Any

from orchestra.clock import SystemClock
from orchestra.monitoring.logs.asking import Asking, Wanted
from orchestra.monitoring.logs.chunks import packed
from orchestra.monitoring.logs.lines import moment
from orchestra.monitoring.logs.sealing import seal
from orchestra.monitoring.logs.shelf import Keeping, Shelf
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

MINE = Tenant("default")
BASE_MS = 1_795_000_000_000
FOREVER_S = 3_155_760_000
"""A hundred years: whenever these tests run, lines of that day are kept."""


def a_line(at: int = 0, level: str = "info", event: str = "thing.done", /, **facts: Any) -> bytes:
    """A line: so many milliseconds after the first."""
    line = {"ts": moment(BASE_MS + at) + "Z", "level": level, "event": event, **facts}
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()


class Log:
    """The log of tenants in a store."""

    def __init__(self, store: Store, keeping: Keeping | None = None) -> None:
        self.shelf = Shelf(store, keeping or Keeping(FOREVER_S))
        self.asking = Asking(self.shelf, SystemClock())

    async def put(
        self, lines: Sequence[bytes], tenant: Tenant = MINE, *, sealed: bool = False
    ) -> None:
        """Append lines as one batch; `sealed`: what is open is in chunks then."""
        to_seal = await self.shelf.append(tenant, packed(lines), len(lines))
        if sealed or to_seal:
            await seal(self.shelf, tenant)

    async def all(self, q: str = "", limit: int = 100, **given: Any) -> list[dict[str, Any]]:
        """Every line that matches, page by page."""
        wanted = Wanted((MINE,), q, **given)
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await self.asking.page(wanted, limit, cursor)
            found += [json.loads(line) for line in page.lines]
            cursor = page.next_cursor
            if cursor is None:
                return found
