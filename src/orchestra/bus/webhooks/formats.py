"""What is sent: an event as a CloudEvent, as plain JSON, or as a line for a chat.

Written once for a delivery: those bytes are signed, and sent on every try.
"""

from typing import Any, Final, cast
from urllib.parse import urlsplit

import msgspec

from orchestra.bus import Event
from orchestra.bus.cloudevents import shown
from orchestra.bus.webhooks.records import Endpoint, Format
from orchestra.instants import instant

THIN_BYTES: Final = 65_536
"""Longer data is not sent: a reference to the event is."""
SLACK_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
SLACK_CHARS: Final = 2_800


def format_for(url: str) -> Format:
    """What suits the receiver best, when nobody says."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return "slack" if host.lower().rstrip(".") in SLACK_HOSTS else "cloudevents"


def content_type(endpoint: Endpoint) -> str:
    """Of the body."""
    cloud = endpoint.format == "cloudevents"
    return "application/cloudevents+json" if cloud else "application/json"


def body_of(endpoint: Endpoint, event: Event, base_url: str = "") -> bytes:
    """The bytes that are sent. `base_url`: where this installation is, for references to it."""
    event = thinned(event, base_url)
    match endpoint.format:
        case "cloudevents":
            return msgspec.json.encode(shown(event))
        case "plain":
            at = instant(event.at_ms)
            told = {"type": event.type, "timestamp": at, "data": event.data}
            return msgspec.json.encode(told)
        case "slack":
            text = _own_line(event) if endpoint.managed_by else _line(event)
            return msgspec.json.encode({"text": text})


def thinned(event: Event, base_url: str) -> Event:
    """The event with a reference instead of data that is long. So it waits in line, too."""
    if len(bytes(event.data)) <= THIN_BYTES:
        return event
    at = f"{base_url.rstrip('/')}/api/events/{event.id}"
    return msgspec.structs.replace(event, data=msgspec.Raw(msgspec.json.encode({"$ref": at})))


def _line(event: Event) -> str:
    """`*step.failed* exe_…`, and the data below. Nothing in it is taken as markup or a mention."""
    data: Any = msgspec.json.decode(event.data)
    first = f"*{_plain(event.type)}* `{_quoted(event.key)}`"
    if data in ({}, [], None, ""):
        return first
    text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    if len(text) > SLACK_CHARS:
        text = text[:SLACK_CHARS] + "\n…"
    return f"{first}\n```{_quoted(text)}```"


def _own_line(event: Event) -> str:
    """What its owner has to say, in words: `text` of the data. No markup but its own stars."""
    data: Any = msgspec.json.decode(event.data)
    text = cast("dict[str, object]", data).get("text") if isinstance(data, dict) else None
    return _plain(text)[:SLACK_CHARS] if isinstance(text, str) else _line(event)


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return _plain(text).replace("`", "'")
