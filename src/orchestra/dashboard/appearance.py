"""How pages look: the theme somebody chose, and the keys that lead somewhere."""

from typing import Final

from litestar import Response, get, post

from orchestra.dashboard.forms import form
from orchestra.dashboard.signing_in import own
from orchestra.dashboard.site import THEME, THEMES, Answer, Asking, There, by_htmx, gone_to
from orchestra.security import public

YEAR_S: Final = 31_536_000
_ANYBODY = [public("how pages look")]


@post("/ui/theme", guards=_ANYBODY)
async def theme(request: Asking) -> Answer:
    """Choose one: the browser keeps it, so that it holds before anybody signs in."""
    given = await form(request)
    chosen = given.get("theme", "")
    target = own(given.get("next", "/"))
    if chosen not in THEMES:
        return gone_to(target)
    cookie = f"{THEME}={chosen}; Path=/; Max-Age={YEAR_S}; SameSite=Lax; HttpOnly"
    return Response(b"", status_code=303, headers={"location": target, "set-cookie": cookie})


@get("/ui/keys", guards=_ANYBODY)
async def keys(request: Asking, site: There) -> Answer:
    """What the keys do: in a dialog, or as a page."""
    if by_htmx(request):
        return site.fragment(request, "parts/keys.html")
    return site.page(request, "pages/keys.html")


ROUTES = (theme, keys)
