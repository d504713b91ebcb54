"""Reading what callers write about contacts and silences: every finding at once."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from orchestra.errors import Invalid, Problem
from orchestra.monitoring.notifications.records import (
    KINDS,
    SILENCE_MAX_MS,
    Contact,
    Kind,
    Matcher,
    Op,
    Silence,
)
from orchestra.security.destinations import is_web

NAME_MAX: Final = 64
TO_MAX: Final = 20
URL_MAX: Final = 2_048
COMMENT_MAX: Final = 500
MATCHERS_MAX: Final = 10
VALUE_MAX: Final = 128
PAST_MS: Final = 300_000
AHEAD_MS: Final = 90 * 86_400_000
FINDINGS_MAX: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.@-]{0,63}")
_LABEL: Final = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_LENGTH: Final = re.compile(r"([0-9]{1,7})(s|m|h|d)")
_UNITS: Final[Mapping[str, int]] = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_KEPT: Final[Mapping[Kind, str]] = {"email": "to", "webhook": "url", "slack": "url"}


class ContactInvalid(Invalid):
    """What was sent about a contact is wrong. `findings` has everything that is."""


class SilenceInvalid(Invalid):
    """What was sent about a silence is wrong. `findings` has everything that is."""


class Wanted(msgspec.Struct, frozen=True):
    """A contact somebody wants, and whether it is to be the default one; None: as it is."""

    contact: Contact
    default: bool | None


class Body:
    """An object being read. A member that is wrong leaves a finding."""

    def __init__(self, body: object, known: Sequence[str], findings: list[Problem]) -> None:
        self.findings = findings
        self.given: Mapping[str, object] = {}
        if isinstance(body, dict):
            self.given = cast("Mapping[str, object]", body)
        else:
            self.find("", "type", "must be an object")
        for name in list(self.given)[:FINDINGS_MAX]:
            if name not in known:
                self.find(f"/{_escaped(name)}", "unknown_field", "this field is unknown")

    def find(self, pointer: str, code: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(Problem(pointer, code, message))

    def text(self, name: str, most: int, *, needed: bool = True) -> str:
        """A string that is not empty; "" when there is none."""
        value = self.given.get(name)
        if value is None:
            if needed:
                self.find(f"/{name}", "missing_field", "this field is required")
            return ""
        if not isinstance(value, str) or not value.strip():
            self.find(f"/{name}", "type", "must be a string that is not empty")
        elif len(value) > most:
            self.find(f"/{name}", "too_long", f"has at most {most} characters")
        else:
            return value
        return ""

    def flag(self, name: str) -> bool | None:
        """True or false; None when it was not given."""
        value = self.given.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.find(f"/{name}", "type", "must be true or false")
        return None


def read_contact(body: object, base: Contact, findings: list[Problem]) -> Wanted:
    """`base` as `body` says. Whether a URL may be called is judged elsewhere."""
    fields = Body(body, ("name", "kind", "to", "url", "resolved", "default"), findings)
    name = fields.text("name", NAME_MAX)
    if name and not _NAME.fullmatch(name):
        fields.find("/name", "format", "is made of letters, digits, spaces and _ . @ -")
    kind = fields.given.get("kind")
    if kind not in KINDS:
        fields.find("/kind", "not_an_option", f"must be one of {', '.join(KINDS)}")
        kind = "webhook"
    elif base.revision > 1 and kind != base.kind:
        fields.find("/kind", "fixed", f"it is a contact of the kind {base.kind}: make another one")
    kept = _KEPT[kind]
    other = "url" if kept == "to" else "to"
    if fields.given.get(other) is not None:
        fields.find(f"/{other}", "not_together", f"is not for contacts of the kind {kind}")
    resolved = fields.flag("resolved")
    contact = msgspec.structs.replace(
        base,
        name=name,
        kind=kind,
        to=_addresses(fields) if kept == "to" else (),
        url=_url(fields) if kept == "url" else "",
        resolved=True if resolved is None else resolved,
    )
    return Wanted(contact, fields.flag("default"))


def read_silence(body: object, base: Silence, now_ms: int) -> Silence:
    """`base` as `body` says: matchers, comment, and until when. Raises SilenceInvalid."""
    findings: list[Problem] = []
    known = ("matchers", "comment", "starts_at", "ends_at", "duration")
    fields = Body(body, known, findings)
    comment = fields.text("comment", COMMENT_MAX)
    starts_ms = _moment(fields, "starts_at")
    ends_ms = _moment(fields, "ends_at")
    length_ms = _length(fields)
    if (ends_ms is None) == (length_ms is None) and not findings:
        fields.find("/duration", "missing_field", "say `duration` or `ends_at`, one of them")
    begins = now_ms if starts_ms is None else starts_ms
    if not now_ms - PAST_MS <= begins <= now_ms + AHEAD_MS:
        fields.find("/starts_at", "out_of_range", "is over 5 min ago, or over 90 days ahead")
    ends = ends_ms if ends_ms is not None else begins + (length_ms or 0)
    if (ends_ms is not None or length_ms is not None) and ends <= max(begins, now_ms):
        fields.find("/ends_at", "out_of_range", "must be later than now, and than its beginning")
    elif ends - begins > SILENCE_MAX_MS:
        name = "ends_at" if ends_ms is not None else "duration"
        fields.find(f"/{name}", "out_of_range", "a silence is for 30 days at most")
    matchers = _matchers(fields)
    settle(findings, SilenceInvalid("the silence is wrong", findings))
    return msgspec.structs.replace(
        base, matchers=matchers, starts_ms=begins, ends_ms=ends, comment=comment
    )


def read_matchers(body: object) -> tuple[Matcher, ...]:
    """Those of a preview. Raises SilenceInvalid."""
    findings: list[Problem] = []
    fields = Body(body, ("matchers",), findings)
    matchers = _matchers(fields)
    settle(findings, SilenceInvalid("the silence is wrong", findings))
    return matchers


def settle(findings: list[Problem], refusal: Invalid) -> None:
    """Raises `refusal` when there are any."""
    if findings:
        refusal.findings = tuple(findings[:FINDINGS_MAX])
        raise refusal


def _addresses(fields: Body) -> tuple[str, ...]:
    value = fields.given.get("to")
    if value is None:
        fields.find("/to", "missing_field", "this field is required")
        return ()
    if not isinstance(value, list) or not 1 <= len(cast("list[object]", value)) <= TO_MAX:
        fields.find("/to", "type", f"must be a list of 1 to {TO_MAX} addresses")
        return ()
    found: list[str] = []
    for i, one in enumerate(cast("list[object]", value)):
        if isinstance(one, str) and len(one) <= 254 and _ADDRESS.fullmatch(one):
            found.append(one)
        else:
            fields.find(f"/to/{i}", "format", "must be an address such as name@example.com")
    return tuple(dict.fromkeys(found))


def _url(fields: Body) -> str:
    url = fields.text("url", URL_MAX)
    if url and not (is_web(url) and url.isascii() and url.isprintable() and " " not in url):
        told = "must be an http or https URL without user and password"
        fields.find("/url", "format", told)
        return ""
    return url


def _matchers(fields: Body) -> tuple[Matcher, ...]:
    value = fields.given.get("matchers")
    if value is None:
        fields.find("/matchers", "missing_field", "this field is required")
        return ()
    if not isinstance(value, list) or not 1 <= len(cast("list[object]", value)) <= MATCHERS_MAX:
        fields.find("/matchers", "type", f"must be a list of 1 to {MATCHERS_MAX} matchers")
        return ()
    found = [_matcher(fields, i, one) for i, one in enumerate(cast("list[object]", value))]
    if all(one is not None and one.op == "=" and one.value == "*" for one in found):
        fields.find("/matchers", "too_wide", "this is about everything: name one value at least")
    return tuple(one for one in found if one is not None)


def _matcher(fields: Body, i: int, body: object) -> Matcher | None:
    at = f"/matchers/{i}"
    if not isinstance(body, dict):
        fields.find(at, "type", "must be an object")
        return None
    given = cast("dict[str, Any]", body)
    for name in list(given)[:FINDINGS_MAX]:
        if name not in ("label", "op", "value"):
            fields.find(f"{at}/{_escaped(name)}", "unknown_field", "this field is unknown")
    label, op, value = given.get("label"), given.get("op", "="), given.get("value")
    good = True
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        fields.find(f"{at}/label", "format", "must match ^[a-z_][a-z0-9_]{0,31}$")
        good = False
    if op not in ("=", "!="):
        fields.find(f"{at}/op", "not_an_option", "must be one of =, !=")
        good = False
    if not isinstance(value, str) or len(value) > VALUE_MAX or "*" in value[:-1]:
        told = f"must be a string of at most {VALUE_MAX} characters, with * at its end only"
        fields.find(f"{at}/value", "format", told)
        good = False
    return Matcher(cast("str", label), cast("Op", op), cast("str", value)) if good else None


def _moment(fields: Body, name: str) -> int | None:
    value = fields.given.get(name)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.year < 1971 or found.year > 9998:
        fields.find(f"/{name}", "format", "must be an instant such as 2026-11-23T08:00:00Z")
        return None
    return int(found.astimezone(UTC).timestamp() * 1_000)


def _length(fields: Body) -> int | None:
    value = fields.given.get("duration")
    if value is None:
        return None
    found = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        fields.find("/duration", "format", "is like 30m, 2h or 7d")
        return None
    return int(found[1]) * _UNITS[found[2]]


def _escaped(name: str) -> str:
    """One part of a JSON Pointer (RFC 6901, section 4)."""
    return name[:64].replace("~", "~0").replace("/", "~1")
