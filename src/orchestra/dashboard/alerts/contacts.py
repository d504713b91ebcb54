"""`/alerts/contacts`: who is told. Addresses of chats are secrets: they go in and not out."""

from typing import Any, Final
from urllib.parse import urlsplit

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.forms import Wrong, errors_of, form
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.security import Permission, requires

CONTACTS: Final = "/api/alerts/contacts"
FIELDS: Final = ("name", "kind", "to", "url", "resolved", "default")
KINDS: Final = (("email", "Mail"), ("webhook", "Webhook"), ("slack", "Slack or another chat"))
_WRITE: Final = [requires(Permission.ALERTS_WRITE)]

Document = dict[str, Any]


@get("/alerts/contacts/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form of a new contact."""
    values = dict.fromkeys(FIELDS, "") | {"kind": "email", "resolved": "true"}
    return _page(request, site, values)


@get("/alerts/contacts/{contact:str}", guards=_WRITE)
async def one(contact: FromPath[str], request: Asking, site: There) -> Answer:
    """One of them, to be changed and tested."""
    document = await site.api.get(viewer(request), f"{CONTACTS}/{contact}")
    return _page(request, site, shown(document), contact=document)


@post("/ui/alerts/contacts/save", guards=_WRITE)
async def save(request: Asking, site: There) -> Answer:
    """Keep it. A secret that is new is shown this once; what is wrong, at its field."""
    given, asker = await form(request), viewer(request)
    values = {name: given.get(name, "") for name in FIELDS}
    before = None
    if given.get("id"):
        before = await site.api.get(asker, f"{CONTACTS}/{given['id']}")
        values["kind"] = before["kind"]
    body = body_of(values, before)
    try:
        if before is None:
            key = given.get("key") or site.ids.new("new")
            made = await site.api.send(asker, "POST", CONTACTS, body, idempotency_key=key)
        else:
            made = await site.api.send(asker, "PUT", f"{CONTACTS}/{before['id']}", body)
    except Refused as refused:
        wrong = errors_of(refused, FIELDS)
        return _page(request, site, values, contact=before, wrong=wrong)
    if made.get("secret"):
        return _page(request, site, shown(made), contact=made)
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
    return _page(request, site, shown(document), contact=document, tested=result)


def shown(contact: Document) -> dict[str, str]:
    """The fields of a contact. Of its address no more than where it is."""
    return {
        "name": contact["name"], "kind": contact["kind"], "to": "\n".join(contact["to"]),
        "url": "", "resolved": "true" if contact["resolved"] else "",
        "default": "true" if contact["default"] else "",
    }  # fmt: skip


def body_of(values: dict[str, str], before: Document | None) -> Document:
    """What is sent. An address that nobody typed anew stays."""
    body: Document = {
        "name": values["name"], "kind": values["kind"], "resolved": values["resolved"] == "true",
        "default": values["default"] == "true",
    }  # fmt: skip
    if values["kind"] == "email":
        lines = values["to"].replace(",", "\n").splitlines()
        body["to"] = [one.strip() for one in lines if one.strip()]
    else:
        kept = before["url"] if before is not None else ""
        body["url"] = values["url"].strip() or kept
    return body


def host_of(contact: Document | None) -> str:
    """Where it is, without what is secret of it."""
    try:
        return urlsplit(contact["url"] or "").hostname or "" if contact else ""
    except ValueError:
        return ""


def _page(
    request: Asking, site: Site, values: dict[str, str], contact: Document | None = None,
    wrong: Wrong | None = None, tested: Document | None = None,
) -> Answer:  # fmt: skip
    return site.page(
        request, "pages/contact.html", status=422 if wrong else 200, values=values,
        contact=contact, wrong=wrong or errors_of(None, FIELDS), tested=tested,
        secret=(contact or {}).get("secret") or "", kinds=KINDS, host=host_of(contact),
        key=site.ids.new("new"),
    )  # fmt: skip


ROUTES = (new, one, save, test)
