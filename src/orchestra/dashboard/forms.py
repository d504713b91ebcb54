"""What a form of one of our pages sends: read, bounded, and proved to come from our page."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from orchestra.dashboard.site import Asking, session_of
from orchestra.errors import BadRequest, UnsupportedMedia
from orchestra.security.hardened import loads
from orchestra.security.sessions import TokenMissing

FIELDS_MAX: Final = 200
TEXT_MAX: Final = 16 * 1_048_576
"""Of JSON as people read it: with indents a small value is long."""
FORM: Final = "application/x-www-form-urlencoded"


class FormMalformed(BadRequest):
    """The form cannot be read."""


class FormExpected(UnsupportedMedia):
    """Something else than a form was sent."""


SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
READS_ITSELF: Final = "/ui/login"
"""Who shows a key there has no token yet, or one of a session that ends with it."""


async def judged(request: Asking) -> None:
    """Before any handler: a change that is not asked for by a page of this session goes no further.

    The gateway leaves this to us below `/ui/`, where the token may stand in the form. It has seen
    to it that a browser comes from our own pages.
    """
    if request.method not in SAFE and request.url.path != READS_ITSELF:
        await form(request)


async def form(request: Asking) -> dict[str, str]:
    """The fields; of those that are there twice, the last. Raises TokenMissing, FormMalformed."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != FORM:
        raise FormExpected("a form of this page is expected")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise FormMalformed("the form cannot be read") from None
    fields = {name: value.replace("\r\n", "\n") for name, value in pairs}
    session = session_of(request)
    if session is not None and request.url.path != READS_ITSELF:
        given = request.headers.get("x-csrf-token") or fields.get("csrf", "")
        if not hmac.compare_digest(given.encode(), session.token.encode()):
            raise TokenMissing("this form is not of your session: load the page again")
    return fields


def sent_twice(given: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
    """What to send by a form that was shown with a `key`: with an id to know it by.

    Pressed twice it is the same, and done once; changed and sent again it is another one.
    """
    key = given.get("key", "")
    if not key:
        return dict(body)
    made = hashlib.sha256(key.encode() + b"\n" + msgspec.json.encode(body, order="sorted"))
    return {"dedup_id": f"form-{made.hexdigest()[:40]}", **body}


async def chosen(request: Asking, name: str) -> list[str]:
    """All values of a field that is there several times, such as ticked rows; each once."""
    await form(request)
    pairs = parse_qsl((await request.body()).decode(), max_num_fields=FIELDS_MAX)
    return list(dict.fromkeys(value for key, value in pairs if key == name))


def json_of(text: str) -> object:
    """What a field says in JSON, as strictly as the interface reads it. Raises BadRequest."""
    return loads(text.encode(), max_bytes=TEXT_MAX)
