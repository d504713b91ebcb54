"""The dashboard: what people see at `/`. This page is the whole contract, and nobody imports it.

Pages stand at their nouns, fragments and actions under `/ui/`. The dashboard knows the other
modules only by their interface over HTTP, which it asks inside this process: so a page can show
and do what its viewer could by hand, no more, and modules that run elsewhere are forwarded to.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from orchestra.bus import Beat, Event, Missed
from orchestra.store.keys import Tenant


class Web(msgspec.Struct, frozen=True):
    """Where the files are. `url` is the lasting address of a static file."""

    url: Callable[[str], str]
    templates: Path


class Streams(Protocol):
    """What happens, as it happens: the live stream of the bus."""

    async def admit(self, tenant: Tenant, actor: str) -> Any:
        """A place for one stream. Raises StreamsExhausted."""
        ...

    def parts(
        self, place: Any, wanted: Any, since: str | None
    ) -> AsyncIterator[tuple[str | None, Event | Missed | Beat | None]]:
        """What one stream tells, and at most once a second where it is."""
        ...

    def position(self) -> str | None:
        """Where to go on from now; None when nobody watches, and so nobody knows."""
        ...
