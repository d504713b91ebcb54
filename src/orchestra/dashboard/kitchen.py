"""`/ui/kitchen`: every part of the pages in all its states, for those who work on them."""

from typing import Any, Final

from litestar import get

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.forms import errors_of
from orchestra.dashboard.site import Answer, Asking, There
from orchestra.dashboard.wording import STATES
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

LONG: Final = "a name that is much longer than anybody expected " * 4
HOSTILE: Final = "<img src=x onerror=alert(1)> {{7*7}} \u202eabc 🦊"
VALUE: Final[dict[str, Any]] = {
    "order": 4711,
    "paid": True,
    "note": HOSTILE,
    "customer": {"name": "Ada", "tags": ["new", "vip"], "address": None},
    "items": [{"sku": f"A-{i}", "price": i * 1.5} for i in range(5)],
}
_PROBLEM: Final[dict[str, Any]] = {
    "title": "Not valid",
    "code": "body_invalid",
    "detail": "four things are wrong with it",
    "request_id": "req_01",
    "errors": [
        {"pointer": "/name", "code": "missing_field", "message": "a name is needed"},
        {"pointer": "/url", "code": "value", "message": "must be https", "suggestion": "https://a"},
        {"pointer": "/retry/times", "code": "out_of_range", "message": "at most 20"},
        {"pointer": "/elsewhere", "code": "unknown_field", "message": "this field is unknown"},
    ],
}


@get("/ui/kitchen", guards=[requires(Permission.METRICS_READ)])
async def kitchen(request: Asking, site: There) -> Answer:
    """The page; only where a developer trusts this machine."""
    if site.mode != "developer":
        raise NotFound("there is no page at this address")
    fields = ("name", "url", "retry")
    return site.page(
        request, "pages/kitchen.html", states=list(STATES), value=VALUE, long=LONG,
        changed=VALUE | {"order": 4712, "paid": False}, hostile=HOSTILE, problem=_PROBLEM,
        wrong=errors_of(Refused(422, _PROBLEM), fields), sound=errors_of(None, fields),
    )  # fmt: skip


ROUTES = (kitchen,)
