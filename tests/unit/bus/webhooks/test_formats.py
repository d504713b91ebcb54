"""What is sent: CloudEvents, plain JSON, a line for Slack."""

from typing import Any

import msgspec
import pytest

from orchestra.bus import Event
from orchestra.bus.webhooks.formats import body_of, content_type, format_for
from orchestra.bus.webhooks.records import Endpoint, Format
from orchestra.store.keys import DEFAULT_TENANT


def an_event(data: object) -> Event:
    return Event(
        "evt_1", "step.failed", "/orchestra/workflows", "exe_1", DEFAULT_TENANT, "engine",
        1_795_000_000_000, msgspec.Raw(msgspec.json.encode(data)),
    )  # fmt: skip


def sent(shape: Format, data: object, base_url: str = "") -> Any:
    endpoint = Endpoint("whk_1", DEFAULT_TENANT, "x", "https://example.com", format=shape)
    return msgspec.json.decode(body_of(endpoint, an_event(data), base_url))


def test_a_cloud_event_has_what_the_standard_wants() -> None:
    body = sent("cloudevents", {"step": "a"})

    assert body["specversion"] == "1.0"
    assert (body["id"], body["type"], body["subject"]) == ("evt_1", "step.failed", "exe_1")
    assert body["data"] == {"step": "a"}


def test_plain_is_type_time_and_data() -> None:
    body = sent("plain", [1, "é"])

    assert body == {
        "type": "step.failed",
        "timestamp": "2026-11-18T11:06:40.000Z",
        "data": [1, "é"],
    }


def test_a_line_for_slack_mentions_nobody_and_ends() -> None:
    body = sent("slack", {"text": "<!channel> & ```<@U1>", "long": "x" * 10_000})

    assert set(body) == {"text"}
    assert body["text"].startswith("*step.failed* `exe_1`\n```")
    assert "<" not in body["text"]
    assert body["text"].count("```") == 2
    assert len(body["text"]) < 4_000


def test_an_event_without_data_is_one_line_in_slack() -> None:
    assert sent("slack", {})["text"] == "*step.failed* `exe_1`"


@pytest.mark.parametrize("shape", ["cloudevents", "plain"])
def test_data_over_64_kib_is_a_reference(shape: Format) -> None:
    body = sent(shape, "x" * 70_000, "https://orchestra.example/")

    assert body["data"] == {"$ref": "https://orchestra.example/api/events/evt_1"}


@pytest.mark.parametrize(
    ("url", "shape"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://HOOKS.slack.com./services/T/B/x", "slack"),
        ("https://hooks.slack.com.example.com/", "cloudevents"),
        ("https://hooks.zapier.com/hooks/catch/1/x/", "cloudevents"),
        ("http://[::1", "cloudevents"),
    ],
)
def test_slack_is_known_by_its_host(url: str, shape: Format) -> None:
    assert format_for(url) == shape


def test_the_content_type_says_which() -> None:
    endpoint = Endpoint("whk_1", DEFAULT_TENANT, "x", "https://example.com")

    assert content_type(endpoint) == "application/cloudevents+json"
    assert content_type(msgspec.structs.replace(endpoint, format="plain")) == "application/json"
