"""`/ui/kitchen`: every part of the pages in all its states, for those who work on them."""

from typing import Any, Final

from litestar import get

from orchestra.dashboard.answers import Question
from orchestra.dashboard.asking import Refused
from orchestra.dashboard.sheets import Entry, Group, fresh, typed
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
_SOUND: Final = (
    Group("A form nobody has sent", (
        Entry("title", "Name", required=True, hint="Letters and digits", placeholder="orders"),
        Entry("level", "Level", "choice", options=("", "info", ("warning", "warning or worse"))),
        Entry("mode", "How", "pick", options=(("one", "one by one"), ("all", "all at once")),
              default="one"),
        Entry("tell", "Whom to tell", "some", options=(("a", "on call"), ("b", LONG)), default="a"),
        Entry("at", "When", "moment"),
        Entry("many", "How many", "number", placeholder="8"),
        Entry("note", "Note", "lines", rows=3),
        Entry("active", "Active from now on", "flag", default="yes", hint="Not for good"),
    )),
    Group("More", (Entry("more", "More", "json"),), folded=True, told="what few people need"),
)  # fmt: skip
_WRONG: Final = (
    Group("The same, with five findings", (
        Entry("name", "Name", hint="Letters and digits"),
        Entry("url", "Address", mono=True),
        Entry("retry/times", "Tries", "number"),
        Entry("state", "State", "choice", options=("on", "off")),
        Entry("sure", "I am sure", "flag"),
    )),
)  # fmt: skip
_QUESTION: Final = Question(
    "Purge the queue?", ("512 messages go, and do not come back.",), "/ui/kitchen", "Purge",
    "/ui/kitchen", typed="mail", number=("wait_s", "Seconds to wait", "5"),
)  # fmt: skip
_PROBLEM: Final[dict[str, Any]] = {
    "title": "Not valid",
    "code": "body_invalid",
    "detail": "some things are wrong with it",
    "request_id": "req_01",
    "errors": [
        {"pointer": "/name", "code": "missing_field", "message": "a name is needed"},
        {"pointer": "/url", "code": "value", "message": "must be https", "suggestion": "https://a"},
        {"pointer": "/retry/times", "code": "out_of_range", "message": "at most 20"},
        {"pointer": "/state", "code": "not_an_option", "message": "must be on or off"},
        {"pointer": "/sure", "code": "missing_field", "message": "this is needed"},
        {"pointer": "/elsewhere", "code": "unknown_field", "message": "this field is unknown"},
    ],
}


@get("/ui/kitchen", guards=[requires(Permission.METRICS_READ)])
async def kitchen(request: Asking, site: There) -> Answer:
    """The page; only where a developer trusts this machine."""
    if site.mode != "developer":
        raise NotFound("there is no page at this address")
    wrong = typed(_WRONG, {"url": HOSTILE, "retry/times": "99", "state": "gone"})
    wrong.refuse(Refused(422, _PROBLEM))
    return site.page(
        request, "pages/kitchen.html", states=list(STATES), value=VALUE, long=LONG,
        changed=VALUE | {"order": 4712, "paid": False}, hostile=HOSTILE, problem=_PROBLEM,
        wrong=wrong, sound=fresh(_SOUND, {"note": HOSTILE}), question=_QUESTION,
    )  # fmt: skip


ROUTES = (kitchen,)
