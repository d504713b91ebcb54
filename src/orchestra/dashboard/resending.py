"""What was typed when a session had ended: kept in the page, and sent by who is signed in again.

Nothing is kept on the server, and nothing is sent but by a button of a page of the new session.
Only what one of our own pages sent is kept: no other site puts words into a form of ours.
"""

from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import msgspec
from litestar import Response
from litestar.response.base import ASGIResponse

from orchestra.dashboard.forms import FIELDS_MAX, FORM
from orchestra.dashboard.site import Answer, Asking
from orchestra.security.sessions import same_origin

TEXT_MAX: Final = 262_144
PATH_MAX: Final = 2_048
NOT_AGAIN: Final = ("/ui/login", "/ui/logout")


class Kept(msgspec.Struct, frozen=True):
    """A form as it was sent: where to, and its body."""

    path: str
    body: str

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What is sent again: all but the token of the session that has ended."""
        pairs = parse_qsl(self.body, keep_blank_values=True, max_num_fields=FIELDS_MAX)
        return [(name, value.replace("\r\n", "\n")) for name, value in pairs if name != "csrf"]


def kept(path: str, body: bytes | str) -> Kept | None:
    """A form of ours; None for what is none, and for what is too long to go along in a page."""
    text = body.decode("latin-1") if isinstance(body, bytes) else body
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= PATH_MAX
    ours = plain and path.startswith("/ui/") and not path.startswith(NOT_AGAIN)
    if not ours or not text.isascii() or not 0 < len(text) <= TEXT_MAX:
        return None
    found = Kept(path, text)
    try:
        return found if found.fields else None
    except ValueError:
        return None


def keepable(request: Asking, *, tls: bool) -> bool:
    """Whether a form of one of our pages was sent, and not by a script."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return request.method == "POST" and media == FORM and from_here(request, tls=tls)


def from_here(request: Asking, *, tls: bool) -> bool:
    """Whether the browser says that one of our own pages asks."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in request.scope["headers"]:
        fields.setdefault(name, []).append(value)
    return same_origin(request.scope, fields, tls=tls)


class Later(Response[bytes]):
    """An answer that is made of what was sent, which is read only now: nobody has done it yet."""

    def __init__(self, make: Callable[[Kept | None], Answer]) -> None:
        super().__init__(b"")
        self._make = make

    def to_asgi_response(self, app: Any, request: Asking, **given: Any) -> ASGIResponse:
        """Reads what was sent, and answers."""
        return _Reading(self._make, app, request, given)


class _Reading(ASGIResponse):
    def __init__(
        self, make: Callable[[Kept | None], Answer], app: Any, request: Asking, given: Any
    ) -> None:
        super().__init__()
        self._made_of, self._app, self._request, self._given = make, app, request, given

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The answer."""
        query = f"?{self._request.url.query}" if self._request.url.query else ""
        body = await Asking.body(self._request)  # a form: no JSON is expected
        found = kept(f"{self._request.url.path}{query}", body)
        answer = cast("Any", self._made_of(found))
        made = answer.to_asgi_response(self._app, self._request, **self._given)
        await made(scope, receive, send)
