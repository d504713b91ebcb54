"""The dashboard: what people see at `/`. This page is the whole contract, and nobody imports it.

Pages stand at their nouns, fragments and actions under `/ui/`. The dashboard knows the other
modules only by their interface over HTTP, which it asks inside this process: so a page can show
and do what its viewer could by hand, no more, and modules that run elsewhere are forwarded to.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from orchestra.bus import Glances
from orchestra.store.keys import Tenant


class Web(msgspec.Struct, frozen=True):
    """Where the files are. `url` is the lasting address of a static file.

    `patience_s`: how long the store may be silent. A page waits for its parts for longer than that.
    """

    url: Callable[[str], str]
    templates: Path
    patience_s: float = 0.0


class Streams(Protocol):
    """What happens, as it happens: the live stream of the bus."""

    async def admit(self, tenant: Tenant, actor: str) -> Any:
        """A place for one stream. Raises StreamsExhausted."""
        ...

    async def look(self, place: Any, begin: Callable[[], None]) -> None:
        """Somebody looks on, until the bus or their time is over."""
        ...

    def on_glance(self, seen: Callable[[Glances], None]) -> None:
        """Who is told what happens, in a few words, while anybody looks."""
        ...

    def position(self) -> str | None:
        """Where to go on from now; None when nobody watches, and so nobody knows."""
        ...
