"""The settings of OpenTelemetry: where to, with what, how much of it, and under which name."""

import re
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

from msgspec import Meta

from orchestra.errors import Problem
from orchestra.notice_settings import NoticeSettings

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")
FORM: Final = "must be name=value, …, as OTEL_EXPORTER_OTLP_HEADERS"


class OtelSettings(NoticeSettings, frozen=True, kw_only=True):
    """A part of `Settings`."""

    otel_endpoint: Annotated[
        str | None,
        Meta(description="OTLP over HTTP: http://collector:4318; needs the extra `otel`."),
    ] = None
    otel_headers: Annotated[
        str | None, Meta(description="Sent to it: name=value, ...; secret, percent-encoded.")
    ] = None
    otel_sample: Annotated[
        float, Meta(ge=0, le=1, description="Share recorded of the traces that begin here.")
    ] = 1.0
    otel_service_name: Annotated[
        str, Meta(min_length=1, max_length=128, description="What traces call this service.")
    ] = "orchestra"


def headers_of(text: str | None) -> dict[str, str]:
    """The headers in `otel_headers`. Raises ValueError."""
    found: dict[str, str] = {}
    for part in (text or "").split(","):
        name, equals, value = part.strip().partition("=")
        if not name and not equals:
            continue
        name, value = name.strip(), unquote(value.strip())
        if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(FORM)
        found[name.lower()] = value
    return found


def check_otel(settings: OtelSettings) -> list[Problem]:
    """What is wrong with them together. Quotes no secret."""
    found: list[Problem] = []
    if settings.otel_endpoint is not None:
        try:
            parts = urlsplit(settings.otel_endpoint)
            known = parts.scheme in {"http", "https"} and bool(parts.hostname)
            known = known and (parts.port is None or parts.port > 0)
        except ValueError:
            known, parts = False, urlsplit("")
        if not known or parts.query or parts.fragment:
            found.append(Problem("otel_endpoint", "value", "must be an http or https URL"))
        elif parts.username or parts.password:
            told = "must hold no credentials: they belong into otel_headers"
            found.append(Problem("otel_endpoint", "value", told))
    try:
        headers_of(settings.otel_headers)
    except ValueError:
        found.append(Problem("otel_headers", "value", FORM))
    return found
