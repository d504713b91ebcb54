"""The part of a registration that says how an `http` agent is called."""

import re
from typing import Literal, cast

import msgspec

from orchestra.agents.providers.templates import ROOTS, places
from orchestra.agents.records import HttpReach
from orchestra.agents.registration.fields import Fields
from orchestra.security.destinations import is_web

TEMPLATE_MAX_BYTES = 65_536
URL_MAX_CHARS = 2_048
PATH = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){0,15}")

Format = Literal["envelope", "input", "template"]


def read_http(fields: Fields) -> HttpReach:
    """The fields of an `http` agent. Whether the destination is allowed is judged elsewhere."""
    shape = cast("Format", fields.one_of("format", "envelope", ("envelope", "input", "template")))
    return HttpReach(
        read_url(fields, "endpoint"),
        shape,
        _template(fields, shape),
        fields.text("response_path", "", pattern=PATH),
        fields.flag("async"),
        read_url(fields, "cancel_url", "") or None,
    )


def read_url(fields: Fields, field: str, default: str | None = None) -> str:
    """A URL that may be dialled, as far as its form goes. Without a default it is required."""
    url = fields.text(field, default, most=URL_MAX_CHARS)
    if url and not is_web(url):
        fields.find(field, "format", "must be an http or https URL without user and password")
        return ""
    return url


def _template(fields: Fields, shape: Format) -> object:
    template = fields.body.get("request_template")
    if shape != "template":
        if template is not None:
            fields.find("request_template", "unused", "only for format template")
        return None
    if template is None:
        fields.find("request_template", "missing_field", "this field is required here")
    elif len(msgspec.json.encode(template)) > TEMPLATE_MAX_BYTES:
        fields.find("request_template", "too_long", f"has at most {TEMPLATE_MAX_BYTES} bytes")
    for place in places(template):
        if place.partition(".")[0] not in ROOTS:
            fields.find(
                "request_template", "unknown_place", f"places begin with {', '.join(ROOTS)}"
            )
    return template
