"""How pages look and which keys do something: as somebody likes it. And what the keys do."""

from collections.abc import Mapping
from typing import Final

from litestar import Response, get, post

from orchestra.dashboard.forms import form
from orchestra.dashboard.signing_in import own
from orchestra.dashboard.site import (
    THEMES,
    Answer,
    Asking,
    There,
    by_htmx,
    gone_to,
    known,
    theme_cookie,
)
from orchestra.security import public

_ANYBODY = [public("how pages look")]
CHOICES: Final[Mapping[str, Mapping[str, object]]] = {
    "theme": {name: name for name in THEMES},
    "density": {"comfortable": "comfortable", "compact": "compact"},
    "single_keys": {"on": True, "off": False},
}


@post("/ui/preferences", guards=_ANYBODY)
async def prefer(request: Asking, site: There) -> Answer:
    """Choose one thing: kept for who is known. A theme holds before anybody signs in, too."""
    given, principal = await form(request), known(request)
    wishes = {
        name: choices[given[name]]
        for name, choices in CHOICES.items()
        if given.get(name, "") in choices
    }
    if wishes and principal is not None:
        await site.kept.prefer(principal, **wishes)
    target = own(given.get("next", "/"))
    if "theme" not in wishes:
        return gone_to(target)
    headers = {"location": target, "set-cookie": theme_cookie(given["theme"])}
    return Response(b"", status_code=303, headers=headers)


@get("/ui/keys", guards=_ANYBODY)
async def keys(request: Asking, site: There) -> Answer:
    """What the keys do: in a dialog, or as a page."""
    if by_htmx(request):
        return site.fragment(request, "parts/keys.html")
    return site.page(request, "pages/keys.html")


ROUTES = (prefer, keys)
