"""`/login`: a key is shown once, a cookie is known afterwards. And the way out."""

from collections.abc import Sequence
from typing import Final, cast

from litestar import Response, get, post

from orchestra.dashboard.forms import form
from orchestra.dashboard.resending import from_here, kept
from orchestra.dashboard.site import (
    Answer,
    Asking,
    There,
    by_htmx,
    gone_to,
    known,
    session_of,
)
from orchestra.dashboard.tries import client_of
from orchestra.errors import Forbidden, Unauthenticated
from orchestra.security import public
from orchestra.security.sessions import cookie_line

_ANYBODY = [public("the way in")]
NEXT_MAX: Final = 2_048
KEY_MAX: Final = 512
KEY_PREFIX: Final = 17
"""So much of a key is its name: what follows is secret."""
UNKNOWN: Final = "This key is not known here, or is no longer valid."


@get("/login", guards=_ANYBODY)
async def login(request: Asking, site: There) -> Answer:
    """The form, for who is not signed in."""
    target = own(request.query_params.get("next", "/"))
    if known(request) is not None:
        return gone_to(target)
    return site.page(request, "pages/login.html", target=target, wrong=False, kept=None)


@get("/ui/login", guards=_ANYBODY)
async def again(request: Asking, site: There) -> Answer:
    """The form in a dialog, for who was signed in and is no more: what they typed stays."""
    return site.fragment(request, "parts/sign_in.html", wrong="")


@post("/ui/login", guards=_ANYBODY)
async def sign_in(request: Asking, site: There) -> Answer:
    """Show the key."""
    if not from_here(request, tls=site.tls):
        raise Forbidden("another site may not sign you in here")
    given = await form(request)
    target = own(given.get("next", "/"))
    typed = kept(given.get("kept_path", ""), given.get("kept", ""))
    if site.sessions is None or site.mode == "developer":
        return gone_to(target)
    key = given.get("key", "").strip()[:KEY_MAX]
    places = places_of(request, key, site.proxies)
    site.tries.admit(places)
    try:
        session = await site.sessions.begin(key)
    except Unauthenticated:
        site.tries.failed(places)
        if by_htmx(request):
            return site.fragment(request, "parts/sign_in.html", wrong=UNKNOWN)
        return site.page(
            request, "pages/login.html", status=422, target=target, wrong=True, kept=typed
        )
    before = session_of(request)
    if before is not None:
        await site.sessions.end(before.id)
    cookie = cookie_line(session.id, tls=site.tls or request.scope["scheme"] == "https")
    if by_htmx(request):
        return site.fragment(
            request, "parts/signed_in.html", headers={"set-cookie": cookie}, token=session.token
        )
    if typed is not None:
        cast("dict[str, object]", request.scope).update(
            principal=session.principal, session_of=session
        )
        return site.page(
            request, "pages/resend.html", headers={"set-cookie": cookie}, kept=typed,
            told="You are signed in again.",
        )  # fmt: skip
    return Response(b"", status_code=303, headers={"location": target, "set-cookie": cookie})


@post("/ui/logout", guards=_ANYBODY)
async def sign_out(request: Asking, site: There) -> Answer:
    """End the session."""
    session = session_of(request)
    headers = {"location": "/login"}
    if session is not None and site.sessions is not None:
        await form(request)
        await site.sessions.end(session.id)
        secure = site.tls or request.scope["scheme"] == "https"
        headers["set-cookie"] = cookie_line("", tls=secure)
    return Response(b"", status_code=303, headers=headers)


def own(target: str) -> str:
    """A path of ours, or `/`: nobody is sent elsewhere."""
    sound = target.startswith("/") and not target.startswith(("//", "/\\", "/ui/", "/login"))
    plain = target.isascii() and target.isprintable() and "\\" not in target
    clean = sound and plain and len(target) <= NEXT_MAX
    return target if clean else "/"


def places_of(request: Asking, key: str, proxies: Sequence[str]) -> tuple[str, ...]:
    """Where tries are counted: the address they come from, and the beginning of the key."""
    peer = request.client.host if request.client else ""
    address = client_of(peer, request.headers.get("x-forwarded-for", ""), proxies)
    return f"from {address}", f"key {key[:KEY_PREFIX]}"


ROUTES = (login, again, sign_in, sign_out)
