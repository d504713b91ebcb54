"""Reading what callers write about an endpoint: all findings at once, or what it means."""

import re
from collections.abc import Mapping
from typing import Final, cast

import msgspec

from orchestra.bus import Filters
from orchestra.bus.patterns import PATTERNS_MAX, is_pattern
from orchestra.bus.webhooks.fields import Fields, escaped
from orchestra.bus.webhooks.formats import format_for
from orchestra.bus.webhooks.records import SCHEDULE_MS, Endpoint, Format, Kind, Ordering
from orchestra.bus.webhooks.signing import Key, read_key
from orchestra.errors import Invalid, Problem
from orchestra.security.destinations import is_web
from orchestra.store.keys import Tenant

NAME_MAX: Final = 128
URL_MAX: Final = 2_048
IDS_MAX: Final = 50
FILTER_MAX: Final = 2_048
HEADERS_MAX: Final = 20
TIMEOUT_MS: Final = (1_000, 30_000)
CONCURRENCY_MAX: Final = 100
RATE_MAX: Final = 1_000
TRIES_MAX: Final = 20
WAIT_MS_MAX: Final = 7 * 86_400_000
OVERLAP_H: Final = (0, 168)
FORMATS: Final = ("cloudevents", "plain", "slack")
ORDERINGS: Final = ("parallel", "key", "all")
KINDS: Final = ("v1", "v1a")

SETTLED: Final = (
    "name", "url", "event_filter", "workflow_ids", "agent_ids", "sources", "format", "ordering",
    "headers", "rate_per_s", "concurrency", "timeout_ms", "schedule_ms",
)  # fmt: skip
"""What a patch may change; the rest has calls of its own."""
CREATED: Final = (*SETTLED, "secret", "signature", "active")
FILTERS: Final = ("event_types", "expression")

REFERENCE: Final = re.compile(r"\$\{secret:([A-Za-z0-9][A-Za-z0-9_.-]{0,62})\}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE: Final = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?")
_OURS: Final = frozenset(
    ("host", "connection", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade", "expect",
     "accept-encoding", "cookie", "orchestra-hop", "proxy-authorization", "proxy-connection")
)  # fmt: skip
_OUR_BEGINNINGS: Final = ("content-", "webhook-", "x-forwarded", "proxy-")
_SECRET_NAME: Final = re.compile(
    r"(?:^|[_-])(?:password|passwd|secret|token|key|authorization)$", re.IGNORECASE
)


class WebhookInvalid(Invalid):
    """What was sent about a webhook is wrong. `findings` has everything that is."""


class Wanted(msgspec.Struct, frozen=True):
    """An endpoint somebody wants: its settings, the key it is to be signed with, if any."""

    endpoint: Endpoint
    kind: Kind
    key: Key | None


def read_endpoint(
    body: object, base: Endpoint, filters: Filters, findings: list[Problem], *, new: bool
) -> Wanted:
    """`base` as `body` says. Whether the destination is allowed is judged elsewhere."""
    fields = Fields(body, findings, CREATED if new else SETTLED)
    url = read_url(fields, "url")
    wanted = fields.inner("event_filter", FILTERS)
    timeout_ms = fields.whole("timeout_ms", *TIMEOUT_MS)
    endpoint = msgspec.structs.replace(
        base,
        name=fields.required("name", NAME_MAX),
        url=url,
        types=_types(wanted) if wanted else (),
        filter=_filter(wanted, filters, findings) if wanted else "",
        workflow_ids=fields.strings("workflow_ids", IDS_MAX, 128),
        agent_ids=fields.strings("agent_ids", IDS_MAX, 128),
        sources=fields.strings("sources", IDS_MAX, 256),
        format=cast("Format", fields.one_of("format", FORMATS) or format_for(url)),
        ordering=cast("Ordering", fields.one_of("ordering", ORDERINGS) or "parallel"),
        headers=_headers(fields),
        rate_per_s=fields.whole("rate_per_s", 0, RATE_MAX) or 0,
        concurrency=fields.whole("concurrency", 1, CONCURRENCY_MAX) or 10,
        timeout_ms=timeout_ms or 15_000,
        schedule_ms=fields.wholes("schedule_ms", TRIES_MAX, WAIT_MS_MAX) or SCHEDULE_MS,
    )
    if not new:
        return Wanted(endpoint, "v1", None)
    key = _key(fields)
    kind = cast("Kind", fields.one_of("signature", KINDS) or (key.kind if key else "v1"))
    if key is not None and key.kind != kind:
        fields.find("signature", "mismatch", "the secret is for the other kind of signature")
    if not fields.choice("active", otherwise=True):
        endpoint = msgspec.structs.replace(endpoint, state="disabled", disabled_reason="made so")
    return Wanted(endpoint, kind, key)


def blank(tenant: Tenant, endpoint_id: str, now_ms: int) -> Endpoint:
    """What a new endpoint begins as."""
    return Endpoint(endpoint_id, tenant, "", "", created_ms=now_ms, updated_ms=now_ms)


def form_of(endpoint: Endpoint) -> dict[str, object]:
    """The settings of an endpoint, as somebody would have to write them."""
    return {
        "name": endpoint.name,
        "url": endpoint.url,
        "event_filter": {"event_types": list(endpoint.types), "expression": endpoint.filter},
        "workflow_ids": list(endpoint.workflow_ids),
        "agent_ids": list(endpoint.agent_ids),
        "sources": list(endpoint.sources),
        "format": endpoint.format,
        "ordering": endpoint.ordering,
        "headers": dict(endpoint.headers),
        "rate_per_s": endpoint.rate_per_s,
        "concurrency": endpoint.concurrency,
        "timeout_ms": endpoint.timeout_ms,
        "schedule_ms": list(endpoint.schedule_ms),
    }


def read_overlap(body: object) -> int:
    """For how many hours the old key signs, too. Raises WebhookInvalid."""
    findings: list[Problem] = []
    hours = Fields(body, findings, ("overlap_h",)).whole("overlap_h", *OVERLAP_H)
    settle(findings)
    return 24 if hours is None else hours


def settle(findings: list[Problem], detail: str = "the webhook is wrong") -> None:
    """Raises WebhookInvalid when there are any."""
    if findings:
        raise WebhookInvalid(detail, findings)


def secrets_of(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Headers that refer to secrets, each with the name of one."""
    return [(name, one) for name, value in headers.items() for one in REFERENCE.findall(value)]


def read_url(fields: Fields, name: str) -> str:
    """An http or https URL as far as its form goes, without user and password."""
    url = fields.required(name, URL_MAX)
    if url and not _is_web(url):
        fields.find(name, "format", "must be an http or https URL without user and password")
        return ""
    return url


def _is_web(url: str) -> bool:
    return is_web(url) and url.isascii() and url.isprintable() and " " not in url


def _types(fields: Fields) -> tuple[str, ...]:
    return fields.strings("event_types", PATTERNS_MAX, 128, _no_pattern)


def _no_pattern(text: str) -> tuple[str, str] | None:
    return None if is_pattern(text) else ("bad_pattern", "is like step.*, order.** or **")


def _filter(fields: Fields, filters: Filters, findings: list[Problem]) -> str:
    text, at = fields.maybe("expression", FILTER_MAX), "/event_filter/expression"
    found = filters.check(text) if text else []
    findings += [msgspec.structs.replace(one, pointer=at) for one in found]
    return text


def _headers(fields: Fields) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in fields.members("headers", HEADERS_MAX).items():
        at, lower = f"headers/{escaped(name)}", name.lower()
        if not _HEADER.fullmatch(name):
            fields.find(at, "format", "is no name of a header")
        elif lower in _OURS or lower.startswith(_OUR_BEGINNINGS):
            fields.find(at, "reserved", "this header is ours to set")
        elif lower in found:
            fields.find(at, "duplicate", "this header is there twice")
        elif not isinstance(value, str) or len(value) > 1_024 or not _VALUE.fullmatch(value):
            fields.find(at, "format", "must be 1 to 1024 printable ASCII characters")
        elif "${" in REFERENCE.sub("", value):
            fields.find(
                at, "format", "a secret is written ${secret:name}, nothing else is filled in"
            )
        elif _SECRET_NAME.search(name) and not REFERENCE.search(value):
            fields.find(at, "secret_literal", "keep it in a secret: ${secret:name}")
        else:
            found[lower] = value
    return found


def _key(fields: Fields) -> Key | None:
    text = fields.text("secret", 256)
    key = read_key(text) if text else None
    if text and key is None:
        fields.find("secret", "format", "must be whsec_ and base64 of 24 to 64 bytes")
    return key
