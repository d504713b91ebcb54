"""Short messages between replicas. They may be lost: whoever waits for one looks by itself, too."""

from collections.abc import Callable

import structlog

from orchestra.errors import OrchestraError
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.wakes import Topics

log = structlog.get_logger(__name__)

Handler = Callable[[str], None]


class Post:
    """Sends to the replica of a session, and hands over what comes. `serve` must run."""

    def __init__(self, store: Store, session: str) -> None:
        self._store, self.session = store, session
        self._handlers: dict[str, Handler] = {}

    def on(self, kind: str, handler: Handler) -> None:
        """Call `handler(text)` for messages of this kind. It must be quick."""
        self._handlers[kind] = handler

    async def send(self, session: str, kind: str, text: str) -> None:
        """Tell the replica of `session`; our own is told at once. Raises nothing."""
        if not session:
            return
        if session == self.session:
            self._handlers[kind](text)
            return
        box = keys.post_box(session, self._store.space)
        try:
            await self._store.read(box, "SPUBLISH", box, f"{kind} {text}")
        except OrchestraError as away:
            log.debug("post.not_sent", kind=kind, error=away.code)

    async def serve(self) -> None:
        """Take what comes, until cancelled."""
        box = keys.post_box(self.session, self._store.space)
        await self._store.follow(Topics({box: self._take}))

    def _take(self, message: bytes) -> None:
        kind, _, text = message.decode(errors="replace").partition(" ")
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(text)
