"""`/ui/views`: lists that viewers keep for themselves. They stand on `/settings`."""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from litestar import post
from litestar.params import FromPath

from orchestra.dashboard.forms import form
from orchestra.dashboard.preferences import NAME_MAX, PATHS, QUERY_MAX, View
from orchestra.dashboard.site import Answer, Asking, There, gone_to, viewer
from orchestra.errors import Invalid
from orchestra.security import Permission, requires

ASKED_MAX: Final = 3 * QUERY_MAX
"""As it stands in an address, before it is read."""
_READ: Final = [requires(Permission.EXECUTIONS_READ)]


@post("/ui/views", guards=_READ)
async def save(request: Asking, site: There) -> Answer:
    """Keep a list as it is shown, under a name."""
    given, principal = await form(request), viewer(request).principal
    name, path = " ".join(given.get("name", "").split()), given.get("path", "")
    asked = given.get("query", "")
    if len(asked) > ASKED_MAX:
        raise Invalid(f"a view has at most {QUERY_MAX:,} characters of filters")
    query = urlencode([(k, v) for k, v in parse_qsl(asked) if k != "cursor"])
    if not 0 < len(name) <= NAME_MAX:
        raise Invalid(f"a view has a name of 1 to {NAME_MAX} characters")
    if path not in PATHS:
        raise Invalid("this page cannot be saved as a view")
    if len(query) > QUERY_MAX:
        raise Invalid(f"a view has at most {QUERY_MAX:,} characters of filters")
    shared = given.get("shared") == "on" and principal.may(Permission.WORKFLOWS_WRITE)
    made = View(name, path, query, principal.actor, shared)
    await site.kept.save(principal, made)
    return gone_to(made.href)


@post("/ui/views/{view_id:str}/delete", guards=_READ)
async def drop(view_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget it."""
    await form(request)
    await site.kept.drop(viewer(request).principal, view_id)
    return gone_to("/settings#views")


ROUTES = (save, drop)
