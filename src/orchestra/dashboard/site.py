"""What every page is made with: who looks, what is in the navigation, how answers are sent."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, cast
from urllib.parse import quote

import anyio
import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from orchestra import __version__
from orchestra.clock import Clock, Ids
from orchestra.dashboard import Streams
from orchestra.dashboard.asking import Api, Viewer
from orchestra.dashboard.board import Board
from orchestra.dashboard.drawings import Drawings
from orchestra.dashboard.preferences import NOTHING, PATHS, Kept, Known
from orchestra.dashboard.rendering import PACKED_MIN_BYTES, Pages, packed
from orchestra.dashboard.tries import Tries
from orchestra.errors import OrchestraError
from orchestra.instants import instant
from orchestra.security import Permission, Principal
from orchestra.security.local_trust import Mode
from orchestra.security.sessions import Session, Sessions

Asking = Request[Any, Any, Any]
Answer = Response[bytes]
HTML: Final = "text/html"
GATHERED_AT_ONCE: Final = 2
"""Inboxes of failures: each asks some 80 questions, four at a time."""
GZIP: Final = b"\x1f\x8b"
THEME: Final = "theme"
"""The cookie with the look somebody chose: for pages before anybody signs in."""
THEME_S: Final = 31_536_000
THEMES: Final[Mapping[str, str]] = {
    "dark": "moon",
    "light": "sun",
    "contrast": "half",
    "system": "gear",
}


GROUPS: Final = ("", "Work", "Traffic", "Watch", "Set up")


class Place(msgspec.Struct, frozen=True):
    """An entry of the navigation. `key` after `g` goes there."""

    href: str
    name: str
    icon: str
    permission: Permission
    key: str
    group: str = ""

    @property
    def order(self) -> int:
        """Where its group stands in the navigation."""
        return GROUPS.index(self.group) if self.group in GROUPS else len(GROUPS)


PLACES: Final = (
    Place("/", "Overview", "home", Permission.METRICS_READ, "o"),
    Place("/workflows", "Workflows", "flow", Permission.WORKFLOWS_READ, "w", "Work"),
    Place("/executions", "Executions", "play", Permission.EXECUTIONS_READ, "e", "Work"),
    Place("/agents", "Agents", "agent", Permission.AGENTS_READ, "a", "Work"),
    Place("/events", "Events", "bolt", Permission.EVENTS_READ, "v", "Traffic"),
    Place("/queues", "Queues", "tray", Permission.QUEUES_READ, "q", "Traffic"),
    Place("/webhooks", "Webhooks", "hook", Permission.WEBHOOKS_READ, "h", "Traffic"),
    Place("/monitoring", "Monitoring", "chart", Permission.METRICS_READ, "m", "Watch"),
    Place("/alerts", "Alerts", "bell", Permission.ALERTS_READ, "r", "Watch"),
    Place("/logs", "Logs", "lines", Permission.LOGS_READ, "l", "Watch"),
    Place("/settings", "Settings", "gear", Permission.SYSTEM_READ, "s", "Set up"),
)


class Parts(msgspec.Struct, frozen=True):
    """What a site is made of."""

    pages: Pages
    api: Api
    streams: Streams
    drawings: Drawings
    board: Board
    clock: Clock
    ids: Ids
    kept: Kept
    admit: Callable[[], None]
    """Raises while the store takes in nothing new."""
    places: tuple[Place, ...] = PLACES


class Site:
    """The dashboard of this process."""

    def __init__(self, parts: Parts) -> None:
        self.pages, self.api, self.streams = parts.pages, parts.api, parts.streams
        self.drawings, self.clock, self.ids = parts.drawings, parts.clock, parts.ids
        self.places, self.kept = parts.places, parts.kept
        self.tries = Tries(parts.clock)
        self.gathering = anyio.CapacityLimiter(GATHERED_AT_ONCE)
        self.board, self._admit = parts.board, parts.admit
        parts.streams.on_glance(self.board.see)
        self.sessions: Sessions | None = None
        self.mode: Mode = "required"
        self.tls = False
        self.proxies: tuple[str, ...] = ()

    def standing(self) -> str:
        """Why nothing new is taken in just now; empty as long as it is."""
        try:
            self._admit()
        except OrchestraError as full:
            return full.detail
        return ""

    def page(
        self, request: Asking, template: str, *, status: int = 200,
        headers: Mapping[str, str] | None = None, **context: object,
    ) -> Answer:  # fmt: skip
        """A whole page. The browser remembers the theme somebody chose elsewhere."""
        chosen = liked(request).preferences.theme
        if chosen and request.cookies.get(THEME) != chosen:
            headers = {"set-cookie": theme_cookie(chosen), **(headers or {})}
        return self._answer(request, template, status, headers, context)

    def fragment(
        self, request: Asking, template: str, *, status: int = 200,
        headers: Mapping[str, str] | None = None, **context: object,
    ) -> Answer:  # fmt: skip
        """A part of a page."""
        return self._answer(request, template, status, headers, context)

    def text(self, request: Asking, template: str, context: Mapping[str, object]) -> str:
        """The markup alone."""
        return self.pages.render(template, self._seen(request) | dict(context))

    def at_hand(self, request: Asking) -> Answer | None:
        """A part that a page asks for by itself, when the same viewer's page just got it: whole."""
        who, part = known(request), request.url.path.startswith("/ui/")
        if who is None or not part or not by_itself(request):
            return None
        body = self.api.shared.made(who, _place(request))
        return _sent(body, 200, {}) if body is not None else None

    def _answer(
        self, request: Asking, template: str, status: int,
        headers: Mapping[str, str] | None, context: Mapping[str, object],
    ) -> Answer:  # fmt: skip
        def made() -> bytes:
            body = self.text(request, template, context).encode()
            return packed(body) if _packs(request) and len(body) >= PACKED_MIN_BYTES else body

        who = known(request)
        if who is not None and status == 200 and not headers and by_itself(request):
            asked_at = float(cast("dict[str, Any]", request.scope)["asked_at"])
            body = self.api.shared.part(who, _place(request), asked_at, made)
        else:
            body = made()
        return _sent(body, status, headers or {})

    def _seen(self, request: Asking) -> dict[str, Any]:
        """What every template may ask for."""
        principal = known(request)
        session = session_of(request)
        likes = liked(request)
        theme = likes.preferences.theme or request.cookies.get(THEME, "")
        path = "/" + request.url.path.lstrip("/")  # two of them would begin with another host
        return {
            "viewer": principal,
            "liked": likes.preferences,
            "all_views": likes.views,
            "views": [view for view in likes.views if view.path == path],
            "can_be_saved": path in PATHS,
            "theme": theme if theme in THEMES else "dark",
            "themes": THEMES,
            "standing": self.standing(),
            "since_page": instant(self.clock.now_ms()),
            "signed_in": session is not None,
            "csrf": session.token if session is not None else "",
            "developer": self.mode == "developer",
            "path": path,
            "address": path + (f"?{request.url.query}" if request.url.query else ""),
            "here": f"{request.url.scheme}://{request.headers.get('host', 'localhost')}",
            "places": [
                place for place in self.places if principal and principal.may(place.permission)
            ],
            "release": __version__,
            "may": may(principal.permissions if principal else frozenset()),
            "live": "",
            "since": cast("Mapping[str, object]", request.scope).get("since") or "",
        }


def may(permissions: Collection[str]) -> Callable[[str], bool]:
    """What templates ask before they offer something."""

    def allowed(name: str) -> bool:
        return name in permissions

    return allowed


def liked(request: Asking) -> Known:
    """What is kept of who looks."""
    scope = cast("Mapping[str, object]", request.scope)
    return cast("Known", scope.get("liked") or NOTHING)


def theme_cookie(theme: str) -> str:
    """The line that has the browser remember it."""
    return f"{THEME}={theme}; Path=/; Max-Age={THEME_S}; SameSite=Lax; HttpOnly"


def known(request: Asking) -> Principal | None:
    """Who looks, if that is known."""
    principal = cast("Mapping[str, object]", request.scope).get("principal")
    return principal if isinstance(principal, Principal) else None


def session_of(request: Asking) -> Session | None:
    """The session of who looks; None for the developer, and for who has a key."""
    session = cast("Mapping[str, object]", request.scope).get("session_of")
    return session if isinstance(session, Session) else None


def _packs(request: Asking) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def _place(request: Asking) -> tuple[object, ...]:
    """What its answer is remembered by, beside who asks."""
    session, url = session_of(request), request.url
    token = session.token if session is not None else ""
    return _packs(request), token, url.path, url.query, url.netloc


def _sent(body: bytes, status: int, headers: Mapping[str, str]) -> Answer:
    named = {"vary": "accept-encoding", **headers}
    if body[:2] == GZIP:
        named["content-encoding"] = "gzip"
    return Response(body, status_code=status, media_type=HTML, headers=named)


def viewer(request: Asking) -> Viewer:
    """On whose behalf a page asks."""
    principal = known(request)
    assert principal is not None, "the guard of the page lets nobody through whom we do not know"
    request_id = str(cast("Mapping[str, object]", request.scope).get("request_id"))
    return Viewer(principal, request_id, by_itself(request))


There = NamedDependency[SkipValidation[Site]]


def by_htmx(request: Asking) -> bool:
    """Whether a script asks, which puts the answer into the page."""
    return request.headers.get("hx-request") == "true"


def by_itself(request: Asking) -> bool:
    """Whether an open page asks unbidden: with nothing new, a part keeps what it shows."""
    again = request.headers.get("x-again") == "yes"
    return again and request.method == "GET" and by_htmx(request)


def gone_to(href: str) -> Answer:
    """The page is elsewhere."""
    return Response(b"", status_code=303, headers={"location": sendable(href)})


def onwards(request: Asking, href: str) -> Answer:
    """Go elsewhere, also where a script asked: the page is of no use any more."""
    if not by_htmx(request):
        return gone_to(href)
    return Response(b"", status_code=200, headers={"HX-Redirect": sendable(href)})


def sendable(href: str) -> str:
    """An address as a header may hold it: names in it may be of any characters, also ends of line.

    It stays on this site: two slashes at its beginning would lead to another one.
    """
    return quote("/" + href.lstrip("/\\"), safe="/?#&=%:;,+~@!$'()*[]")
