"""What callers write about a webhook: all findings at once, each at its place."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from orchestra.bus.webhooks.reading import SETTLED, Wanted, blank, form_of, read_endpoint
from orchestra.errors import Problem
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.workflows.expressions.filters import EventFilters

GOOD = {"name": "x", "url": "https://example.com/"}


def read(body: object, *, new: bool = True) -> tuple[Wanted, list[tuple[str, str]]]:
    findings: list[Problem] = []
    base = blank(DEFAULT_TENANT, "whk_1", 0)
    wanted = read_endpoint(body, base, EventFilters(), findings, new=new)
    return wanted, [(one.pointer, one.code) for one in findings]


def test_everything_wrong_is_told_at_once() -> None:
    _, found = read(
        {
            "nmae": "x",
            "url": "ftp://example.com/",
            "event_filter": {
                "event_types": ["ok.*", "a b", 7],
                "expression": "event.data.x ==",
                "x": 1,
            },
            "sources": "all",
            "format": "slak",
            "headers": {"Host": "x", "A B": "x", "x-a": "\n", "Authorization": "Bearer abc"},
            "concurrency": 0,
            "timeout_ms": 31_000,
            "schedule_ms": [0, -1],
            "secret": "whsec_short",
            "signature": "v3",
            "active": "yes",
        }
    )  # fmt: skip

    assert sorted(found) == sorted(
        [
            ("/nmae", "unknown_field"),
            ("/name", "missing_field"),
            ("/url", "format"),
            ("/event_filter/x", "unknown_field"),
            ("/event_filter/event_types/1", "bad_pattern"),
            ("/event_filter/event_types/2", "type"),
            ("/event_filter/expression", "expression.syntax"),
            ("/sources", "type"),
            ("/format", "not_an_option"),
            ("/headers/Host", "reserved"),
            ("/headers/A B", "format"),
            ("/headers/x-a", "format"),
            ("/headers/Authorization", "secret_literal"),
            ("/concurrency", "out_of_range"),
            ("/timeout_ms", "out_of_range"),
            ("/schedule_ms/1", "out_of_range"),
            ("/secret", "format"),
            ("/signature", "not_an_option"),
            ("/active", "type"),
        ]
    )


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("event.type == 'a'", None),
        ("event.data.amount > 100 && event.subject.startsWith('order-')", None),
        ("has(event.data.x)", None),
        ("event.typ == 'a'", "expression.unknown_name"),
        ("input.x == 1", "expression.unknown_name"),
        ("1 + 1", "expression.type"),
        ("event.type ==", "expression.syntax"),
        ("nope(event)", "expression.unknown_function"),
        ("(" * 500, "expression.too_large"),
    ],
)
def test_a_condition_is_checked_when_it_is_saved(expression: str, code: str | None) -> None:
    _, found = read(GOOD | {"event_filter": {"expression": expression}})

    assert found == ([("/event_filter/expression", code)] if code else [])


def test_a_bad_condition_says_where() -> None:
    [finding] = EventFilters().check("event.type == 'a' && evnt.x")

    assert "character 22" in finding.message


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ("event.type == 'a.b'", True),
        ("event.data.n > 3", True),
        ("event.data.missing > 3", False),
        ("event.data.n", False),
        ("event.data.n > 3 || event.data.missing", True),
        ("'x' in event.data.tags", True),
    ],
)
def test_an_event_on_which_a_condition_has_no_value_is_not_meant(
    condition: str, matches: bool
) -> None:
    event = {"type": "a.b", "data": {"n": 4, "tags": ["x"]}}

    assert EventFilters().compile(condition)(event) is matches


def test_what_is_shown_can_be_sent_again() -> None:
    wanted, found = read(
        GOOD
        | {
            "event_filter": {"event_types": ["a.*"], "expression": "event.type == 'a.b'"},
            "headers": {"Authorization": "Bearer ${secret:token}", "X-Team": "a b"},
            "ordering": "key",
            "schedule_ms": [0, 1_000],
        }
    )

    again, also = read(form_of(wanted.endpoint), new=False)

    assert found == also == []
    assert again.endpoint == wanted.endpoint
    assert set(form_of(wanted.endpoint)) == set(SETTLED)


_json = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner),
    max_leaves=10,
)
_names = some.sampled_from(
    [*SETTLED, "secret", "signature", "active", "event_types", "expression", "~/", ""]
)


@settings(max_examples=400, deadline=None)
@given(some.dictionaries(_names, _json | some.dictionaries(_names, _json)) | _json)
def test_whatever_is_sent_is_read_or_refused(body: object) -> None:
    wanted, _ = read(body)

    msgspec.json.encode(wanted.endpoint)
