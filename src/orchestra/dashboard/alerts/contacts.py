"""`/alerts/contacts`: who is told. Addresses of chats are secrets: they go in and not out."""

from typing import Any, Final
from urllib.parse import urlsplit

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.answers import form_page, key_of, submitted
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Entry, Group, Sheet, filled, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.security import Permission, requires

CONTACTS: Final = "/api/alerts/contacts"
KINDS: Final = (("email", "Mail"), ("webhook", "Webhook"), ("slack", "Slack or another chat"))
_WRITE: Final = [requires(Permission.ALERTS_WRITE)]
_NAME: Final = Entry("name", "Name", required=True, most=64, placeholder="oncall", broad=True,
                     hint="what rules call it")  # fmt: skip
_KIND: Final = Entry("kind", "Told by", "pick", options=KINDS, default="email")
_TO: Final = Entry("to", "Addresses", "lines", rows=3, most=4_000, placeholder="oncall@example.com",
                   hint="one a line; each gets a mail of its own")  # fmt: skip
_FLAGS: Final = (
    Entry("resolved", "Also say when it is over", "flag", default="yes", broad=True),
    Entry("default", "The default: for rules that name nobody", "flag", broad=True),
)

Document = dict[str, Any]


def fields(contact: Document | None = None) -> list[Group]:
    """The form. The kind of a contact stays, and of its address no more is shown than its host."""
    kind, host = contact["kind"] if contact else "", host_of(contact)
    hint = f"now at {host}, the rest is kept secret; leave it empty to keep it"
    url = Entry("url", "Address of the hook", placeholder="https://example.com/hook", broad=True,
                hint=hint if host else "https, and not inside your network")  # fmt: skip
    asked = (_NAME, *(() if kind else (_KIND,)))
    asked += (*((_TO,) if kind in ("", "email") else ()), *((url,) if kind != "email" else ()))
    return [Group("Contact", (*asked, *_FLAGS))]


@get("/alerts/contacts/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form of a new contact."""
    return _page(request, site, fresh(fields()))


@get("/alerts/contacts/{contact:str}", guards=_WRITE)
async def one(contact: FromPath[str], request: Asking, site: There) -> Answer:
    """One of them, to be changed and tested."""
    document = await site.api.get(viewer(request), f"{CONTACTS}/{contact}")
    return _page(request, site, of_contact(document), document)


@post("/ui/alerts/contacts/save", guards=_WRITE)
async def save(request: Asking, site: There) -> Answer:
    """Keep it. A secret that is new is shown this once; what is wrong, at its field."""
    given, before = await form(request), None
    to, headers = f"POST {CONTACTS}", {"idempotency_key": key_of(given, site)}
    if given.get("id"):
        before = await site.api.get(viewer(request), f"{CONTACTS}/{given['id']}")
        to, headers = f"PUT {CONTACTS}/{before['id']}", {}
    sheet = typed(fields(before), given)
    made = await submitted(request, site, sheet, to, body_of(sheet, before), **headers)
    if made is None:
        return _page(request, site, sheet, before)
    if made.get("secret"):
        return _page(request, site, of_contact(made), made)
    return gone_to("/alerts?tab=contacts")


@post("/ui/alerts/contacts/{contact:str}/test", guards=_WRITE)
async def test(contact: FromPath[str], request: Asking, site: There) -> Answer:
    """Send something now, and say what came of it."""
    await form(request)
    asker = viewer(request)
    document = await site.api.get(asker, f"{CONTACTS}/{contact}")
    result = await site.api.send(asker, "POST", f"{CONTACTS}/{contact}/test")
    if by_htmx(request):
        return site.fragment(request, "parts/contact_test.html", tested=result)
    return _page(request, site, of_contact(document), document, result)


def of_contact(contact: Document) -> Sheet:
    """The form of one that is there."""
    return filled(fields(contact), contact | {"url": None})


def body_of(sheet: Sheet, before: Document | None) -> Document:
    """What is sent. An address that nobody typed anew stays."""
    said = sheet.body()
    kind = before["kind"] if before is not None else said.get("kind")
    kept = before["url"] if before is not None else ""
    lines = [part.strip() for one in said.pop("to", ()) for part in one.split(",")]
    where = {"url": said.pop("url", "").strip() or kept, "to": [one for one in lines if one]}
    name = "to" if kind == "email" else "url"
    return said | {"kind": kind, name: where[name]}


def host_of(contact: Document | None) -> str:
    """Where it is, without what is secret of it."""
    try:
        return urlsplit(contact["url"] or "").hostname or "" if contact else ""
    except ValueError:
        return ""


def _page(
    request: Asking, site: Site, sheet: Sheet, contact: Document | None = None,
    tested: Document | None = None,
) -> Answer:  # fmt: skip
    return form_page(
        request, site, "pages/contact.html", sheet, contact=contact, tested=tested,
        secret=(contact or {}).get("secret") or "",
    )  # fmt: skip


ROUTES = (new, one, save, test)
