"""What a form of one of our pages sends: read, bounded, and proved to come from our page."""

import hmac
from typing import Final
from urllib.parse import parse_qsl

from orchestra.dashboard.site import Asking, session_of
from orchestra.errors import BadRequest, UnsupportedMedia
from orchestra.security.sessions import TokenMissing

FIELDS_MAX: Final = 200
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
