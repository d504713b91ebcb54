"""Events as the world writes them."""

import base64
import json
from typing import Any

import pytest

from orchestra.bus import Event
from orchestra.bus.cloudevents import (
    EventInvalid,
    read_batch,
    read_binary,
    read_plain,
    read_structured,
    shown,
)
from orchestra.errors import Problem
from orchestra.store.keys import DEFAULT_TENANT

PLAIN: dict[str, Any] = {
    "event_type": "order.placed",
    "source_service": "shop",
    "source_id": "order-17",
    "payload": {"total": 120.5},
}
CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "17",
    "type": "order.placed",
    "source": "/shop",
}


def problems(refused: EventInvalid) -> list[Problem]:
    return [one for one in refused.findings if isinstance(one, Problem)]


def test_the_plain_form_is_type_source_key_and_data() -> None:
    draft = read_plain(PLAIN, DEFAULT_TENANT).draft

    assert (draft.type, draft.source, draft.key, draft.origin) == (
        "order.placed",
        "shop",
        "order-17",
        "api",
    )
    assert json.loads(bytes(draft.data)) == {"total": 120.5}


def test_source_and_id_of_a_cloud_event_make_repeats_known() -> None:
    assert read_structured(CLOUD, DEFAULT_TENANT).dedup == "/shop|17"


def test_the_key_is_the_subject_else_the_partition_key_else_the_source() -> None:
    def key(**more: str) -> str:
        return read_structured(CLOUD | more, DEFAULT_TENANT).draft.key

    assert key(subject="a", partitionkey="b") == "a"
    assert key(partitionkey="b") == "b"
    assert key() == "/shop"


def test_base64_is_json_or_else_itself() -> None:
    def data(text: str) -> object:
        incoming = read_structured(CLOUD | {"data_base64": text}, DEFAULT_TENANT)
        return json.loads(bytes(incoming.draft.data))

    assert data("eyJhIjoxfQ==") == {"a": 1}
    assert data("AAEC") == "AAEC"


def test_binary_mode_has_its_attributes_in_headers() -> None:
    headers = {f"ce-{name}": value for name, value in CLOUD.items()} | {"ce-subject": "s"}

    draft = read_binary(headers, {"a": 1}, DEFAULT_TENANT).draft

    assert (draft.type, draft.key, json.loads(bytes(draft.data))) == ("order.placed", "s", {"a": 1})


def test_a_time_is_an_instant_with_its_zone() -> None:
    at = read_structured(CLOUD | {"time": "2026-11-23T09:00:00+01:00"}, DEFAULT_TENANT)

    assert at.draft.time_ms == 1_795_420_800_000


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (PLAIN | {"event_type": "a b"}, [("/event_type", "format")]),
        (PLAIN | {"more": 1, "time": "now"}, [("/more", "unknown_field"), ("/time", "format")]),
        ({"payload": 1}, [("/event_type", "missing_field"), ("/source_service", "missing_field"),
                          ("/source_id", "missing_field")]),
        (PLAIN | {"payload": "x" * 262_144}, [("/payload", "too_long")]),
        (PLAIN | {"source_id": 7, "dedup_id": []}, [("/source_id", "type"), ("/dedup_id", "type")]),
        (7, [("", "type")]),
    ],
)  # fmt: skip
def test_everything_wrong_with_an_event_is_told_at_once(
    body: object, found: list[tuple[str, str]]
) -> None:
    with pytest.raises(EventInvalid) as refused:
        read_plain(body, DEFAULT_TENANT)

    assert [(one.pointer, one.code) for one in problems(refused.value)] == found


def test_a_batch_is_judged_as_a_whole() -> None:
    with pytest.raises(EventInvalid) as refused:
        read_batch(
            [CLOUD, CLOUD | {"type": "?"}, 3, CLOUD | {"specversion": "0.3"}], DEFAULT_TENANT
        )

    assert [one.pointer for one in problems(refused.value)] == ["/1/type", "/2", "/3/specversion"]
    assert len(read_batch([CLOUD] * 100, DEFAULT_TENANT)) == 100
    with pytest.raises(EventInvalid):
        read_batch([CLOUD] * 101, DEFAULT_TENANT)


def test_what_was_published_reads_back_as_a_cloud_event() -> None:
    draft = read_plain(PLAIN | {"correlation_id": "c"}, DEFAULT_TENANT).draft
    event = Event(
        "evt_1", draft.type, draft.source, draft.key, draft.tenant, "api", 0, draft.data, "c"
    )

    document = shown(event)

    assert {**document, "data": None} == {
        "specversion": "1.0",
        "id": "evt_1",
        "type": "order.placed",
        "source": "shop",
        "subject": "order-17",
        "time": "1970-01-01T00:00:00.000Z",
        "datacontenttype": "application/json",
        "data": None,
        "orchestraorigin": "api",
        "correlation": "c",
    }


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "2026-11-23T08:00:00"]
)
def test_a_time_that_cannot_be_written_again_is_refused(time: str) -> None:
    with pytest.raises(EventInvalid) as refused:
        read_structured(CLOUD | {"time": time}, DEFAULT_TENANT)

    assert [one.pointer for one in problems(refused.value)] == ["/time"]


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"[" * 70 + b"]" * 70, b"9" * 30, b'{"a":1,"a":2}']
)
def test_data_in_base64_is_judged_like_any_other(data: bytes) -> None:
    text = base64.b64encode(data).decode()

    with pytest.raises(EventInvalid) as refused:
        read_structured(CLOUD | {"data_base64": text}, DEFAULT_TENANT)

    assert [one.pointer for one in problems(refused.value)] == ["/data_base64"]
