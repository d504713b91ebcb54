"""What a form of one of our pages sends: read, bounded, and proved to come from our page.

`errors_of` takes what the interface found back to the fields of the form.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.site import Asking, session_of
from orchestra.errors import BadRequest, UnsupportedMedia
from orchestra.security.hardened import loads
from orchestra.security.sessions import TokenMissing

FIELDS_MAX: Final = 200
FINDINGS_MAX: Final = 200
"""So many are told at their fields."""
TEXT_MAX: Final = 16 * 1_048_576
"""Of JSON as people read it: with indents a small value is long."""
FORM: Final = "application/x-www-form-urlencoded"


class FormMalformed(BadRequest):
    """The form cannot be read."""


class FormExpected(UnsupportedMedia):
    """Something else than a form was sent."""


MENDABLE: Final = frozenset({400, 409, 412, 413, 422})
"""What somebody who filled in a form may put right."""
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


class Wrong(dict[str, str]):
    """What is wrong with a form: `wrong["url"]` is the text for that field, `""` where it is sound.

    `findings` are all of them, `rest` those of no field of this form, `detail` the whole in words.
    """

    def __init__(self, refused: Refused | None = None) -> None:
        super().__init__()
        document = refused.document if refused is not None else {}
        self.detail = refused.detail if refused is not None else ""
        self.code = refused.code if refused is not None else ""
        self.findings: list[dict[str, Any]] = list(document.get("errors", ()))
        self.rest: list[dict[str, Any]] = []

    def __missing__(self, field: str) -> str:
        return ""

    def __bool__(self) -> bool:
        return bool(self.detail or len(self))


def errors_of(
    refused: Refused | None, fields: Iterable[str], named: Mapping[str, str] | None = None
) -> Wrong:
    """What the interface found, at the fields of a form. Raises what no form can put right.

    A pointer belongs to the field with its name: `/url` to `url`, `/retry/times` to `retry.times`
    or else to `retry`. `named` says so where they differ: `{"/auth/secret": "secret"}`; the longest
    that fits wins. `None` is a form nobody has sent yet.
    """
    if refused is not None and refused.answer_status not in MENDABLE:
        raise refused
    wrong, known = Wrong(refused), frozenset(fields)
    for finding in wrong.findings[:FINDINGS_MAX]:
        field = _field(str(finding.get("pointer", "")), known, named or {})
        if field is None:
            wrong.rest.append(finding)
            continue
        said = str(finding.get("message", "not valid"))
        guess = finding.get("suggestion")
        said += f"; did you mean {guess}?" if guess else ""
        wrong[field] = f"{wrong[field]}; {said}" if field in wrong else said
    return wrong


def _field(pointer: str, known: frozenset[str], named: Mapping[str, str]) -> str | None:
    """The field of a pointer; of several the one that says most."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    while parts:
        stem = "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
        for name in (named.get(stem, ""), ".".join(parts), "_".join(parts)):
            if name in known:
                return name
        parts.pop()
    return None
