"""What the dashboard keeps of its viewers: how they like pages, and the views they saved.

It is the only state of the dashboard. By principal: two keys of one person are two viewers.
"""

import hashlib
from collections import OrderedDict
from typing import Annotated, Final, Literal, cast

import msgspec
from msgspec import Meta

from orchestra.clock import Clock
from orchestra.errors import Invalid, OrchestraError
from orchestra.security import Principal
from orchestra.store import frames, page_keys
from orchestra.store.client import Store

KEPT_MS: Final = 400 * 86_400_000
VIEWS_MAX: Final = 100
NAME_MAX: Final = 80
QUERY_MAX: Final = 4_096
CACHE_S: Final = 2.0
CACHED_MAX: Final = 1_000
PATHS: Final = ("/executions", "/logs", "/events", "/alerts", "/workflows", "/agents")
"""Lists that can be saved as a view."""
SHARED: Final = "shared"


class Preferences(msgspec.Struct, frozen=True):
    """How somebody likes pages. No theme: as the browser remembers it, or dark."""

    theme: Literal["", "dark", "light", "contrast", "system"] = ""
    density: Literal["comfortable", "compact"] = "comfortable"
    single_keys: bool = True


class View(msgspec.Struct, frozen=True):
    """A list as somebody saved it. `id` is made of its place, so that saving twice replaces."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_MAX)]
    path: str
    query: Annotated[str, Meta(max_length=QUERY_MAX)]
    owner: str
    shared: bool = False

    @property
    def id(self) -> str:
        """Of its name and place."""
        return hashlib.sha256(f"{self.path}\n{self.name}".encode()).hexdigest()[:16]

    @property
    def href(self) -> str:
        """Where it leads."""
        return f"{self.path}?{self.query}" if self.query else self.path


class ViewsFull(Invalid):
    """There are 100 saved views; delete one first."""


class ViewOfAnother(Invalid):
    """A shared view of this name and place is somebody else's."""


class Known(msgspec.Struct, frozen=True):
    """What is known of a viewer."""

    preferences: Preferences = Preferences()
    views: tuple[View, ...] = ()


NOTHING: Final = Known()


class Kept:
    """In the store; what was read is remembered for 2 s, and forgotten here when it changes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._prefix = page_keys.pages(store.space)
        self._known: OrderedDict[tuple[str, str], tuple[float, Known]] = OrderedDict()
        self._changes = 0

    async def of(self, principal: Principal) -> Known:
        """What is known; nothing while the store is away: a page is there all the same."""
        name, now_s = (principal.tenant, principal.actor), self._clock.monotonic()
        kept = self._known.get(name)
        if kept is not None and now_s - kept[0] < CACHE_S:
            return kept[1]
        changes = self._changes
        try:
            known = await self._read(principal)
        except (OrchestraError, msgspec.MsgspecError):
            return NOTHING
        if changes != self._changes:  # it may be older than what was kept meanwhile
            return known
        self._known[name] = (now_s, known)
        if len(self._known) > CACHED_MAX:
            self._known.popitem(last=False)
        return known

    async def prefer(self, principal: Principal, **wishes: object) -> None:
        """From now on; what is not named stays as it is. Raises StoreAway."""
        key = page_keys.preferences(self._prefix, principal.tenant, _owner(principal))
        wish = msgspec.structs.replace((await self._read(principal)).preferences, **wishes)
        body = frames.pack(msgspec.json.encode(wish))
        await self._store.insist(
            lambda: self._store.call(self._prefix, "SET", key, body, "PX", KEPT_MS)
        )
        self._forget()

    async def save(self, principal: Principal, view: View) -> None:
        """Keep a view; one of the same name and place is replaced. Raises ViewsFull,
        ViewOfAnother, StoreAway.
        """
        key = self._views(principal, shared=view.shared)
        held = cast("list[bytes]", await self._store.read(self._prefix, "HKEYS", key))
        if len(held) >= VIEWS_MAX and view.id.encode() not in held:
            raise ViewsFull(f"{VIEWS_MAX} views are saved already: delete one first")
        there = await self._store.read(self._prefix, "HGET", key, view.id)
        if there is not None:
            kept = msgspec.json.decode(frames.unpack(cast("bytes", there)), type=View)
            if kept.owner != view.owner:
                raise ViewOfAnother("somebody else shares a view of this name: choose another name")
        body = frames.pack(msgspec.json.encode(view))
        await self._store.insist(lambda: self._store.call(self._prefix, "HSET", key, view.id, body))
        await self._store.call(self._prefix, "PEXPIRE", key, KEPT_MS)
        self._forget()

    async def drop(self, principal: Principal, view_id: str) -> None:
        """Forget one's own view, or a shared one that one saved."""
        for view in (await self._read(principal)).views:
            if view.id == view_id and view.owner == principal.actor:
                key = self._views(principal, shared=view.shared)
                await self._store.call(self._prefix, "HDEL", key, view_id)
        self._forget()

    def _forget(self) -> None:
        self._known.clear()
        self._changes += 1

    async def _read(self, principal: Principal) -> Known:
        preferred = page_keys.preferences(self._prefix, principal.tenant, _owner(principal))
        sent = (
            self._store.read(self._prefix, "GET", preferred),
            self._store.read(self._prefix, "HVALS", self._views(principal, shared=False)),
            self._store.read(self._prefix, "HVALS", self._views(principal, shared=True)),
        )
        raw, *views = [await one for one in sent]
        wish = Preferences()
        if raw is not None:
            wish = msgspec.json.decode(frames.unpack(cast("bytes", raw)), type=Preferences)
        listed = [
            msgspec.json.decode(frames.unpack(one), type=View)
            for some in views
            for one in cast("list[bytes]", some)
        ]
        return Known(wish, tuple(sorted(listed, key=lambda view: view.name.lower())))

    def _views(self, principal: Principal, *, shared: bool) -> str:
        owner = SHARED if shared else _owner(principal)
        return page_keys.saved_views(self._prefix, principal.tenant, owner)


def _owner(principal: Principal) -> str:
    return hashlib.sha256(principal.actor.encode()).hexdigest()[:24]
