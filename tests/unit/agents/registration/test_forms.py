"""A registration written down again reads as the same; a patch changes what it names."""

from typing import Any

import msgspec
import pytest

from orchestra.agents.records import LlmReach
from orchestra.agents.registration.forms import registration_of
from orchestra.agents.registration.patching import kept, merge, patched
from orchestra.agents.registration.reading import Read, RegistrationInvalid, read_registration
from orchestra.errors import TooLarge

ALL: dict[str, Any] = {
    "description": "d", "version": "1.2.3", "labels": {"zone": "eu"}, "metadata": {"x": [1]},
    "ephemeral": True, "priority": 3, "weight": 5, "max_concurrency": 7,
    "limits": {"rpm": 60, "tpm": None}, "timeout_ms": 5_000, "hedge": True,
    "heartbeat": {"mode": "push", "interval_s": 5, "ttl_s": 20},
    "health": {"path": "/up", "interval_s": 3, "timeout_ms": 500},
    "auth": {"type": "header", "secret": "${secret:key}", "header": "X-Key"},
    "fallbacks": ["type:other"], "budget": {"usd_per_day": 1.25, "usd_per_task": None},
    "price": {"input_per_mtok": 0.1, "output_per_mtok": 2},
}  # fmt: skip
CAPABILITY = {
    "name": "do", "input_types": ["text"], "output_types": ["json"], "description": "does",
    "input_schema": {"type": "object"}, "output_schema": {"type": "string"}, "idempotent": True,
    "timeout_ms": 900,
}  # fmt: skip
REACHES: list[dict[str, Any]] = [
    {"provider": "http", "endpoint": "https://h.example/run", "format": "template",
     "request_template": {"q": "{{input.q}}"}, "response_path": "a.b", "async": True,
     "cancel_url": "https://h.example/cancel"},
    {"provider": "http", "endpoint": "https://h.example/run"},
    {"provider": "openai", "base_url": "https://o.example/v1", "model": "m", "params": {"top_p": 1},
     "prompts": {"do": {"system": "s", "user": "u", "version": "1",
                        "output_schema": {"type": "object"}}, "*": {}},
     "tools": ["agent:x"], "max_tool_rounds": 3},
    {"provider": "openai"},
    {"provider": "anthropic", "params": {"max_tokens": 9}},
    {"provider": "a2a", "card_url": "https://a.example/card", "binding": "JSONRPC"},
    {"provider": "mcp", "url": "https://m.example/mcp", "tools": ["add"]},
    {"provider": "pull"},
]  # fmt: skip


def read(body: object) -> Read:
    return read_registration(body, len(msgspec.json.encode(body)), lambda _: None)


def untold(body: object) -> Read:
    """As the intake reads it while the agent does not answer."""
    reading = read(body)
    return Read(msgspec.structs.replace(reading.spec, told=True))


def a_body(reach: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "a", "agent_type": "t", "capabilities": [CAPABILITY]} | more | reach


@pytest.mark.parametrize("reach", REACHES, ids=lambda reach: reach["provider"])
@pytest.mark.parametrize("more", [{}, ALL], ids=["plain", "all"])
def test_what_is_written_down_reads_as_what_was_read(
    reach: dict[str, Any], more: dict[str, Any]
) -> None:
    spec = read(a_body(reach, **more)).spec

    assert read(registration_of(spec)).spec == spec
    assert msgspec.json.decode(msgspec.json.encode(registration_of(spec))) is not None


def test_everything_that_was_said_is_in_it() -> None:
    body = a_body(REACHES[0], **ALL)

    assert registration_of(read(body).spec) == body


def test_a_secret_is_a_reference_and_nothing_else() -> None:
    form = registration_of(read(a_body(REACHES[1], **ALL)).spec)

    assert form["auth"] == {"type": "header", "secret": "${secret:key}", "header": "X-Key"}


def test_a_patch_merges_objects_and_null_gives_the_default() -> None:
    spec = read(a_body(REACHES[1], **ALL)).spec
    patch = {"labels": {"zone": None, "rack": "7"}, "weight": None, "health": {"interval_s": 9},
             "budget": None, "capabilities": ["other"]}  # fmt: skip

    now = read(patched(spec, patch, 99)).spec

    assert now.labels == {"rack": "7"}
    assert (now.weight, now.priority) == (1, 3)
    assert (now.health.interval_s, now.health.path) == (9, "/up")
    assert now.budget.day_micro_usd is None
    assert [one.name for one in now.capabilities] == ["other"]


def test_another_provider_leaves_the_fields_of_the_old_one() -> None:
    spec = read(a_body(REACHES[1])).spec

    now = read(patched(spec, {"provider": "openai", "model": "m"}, 99)).spec

    assert isinstance(now.reach, LlmReach)


def test_a_wrong_patch_is_told_as_a_whole() -> None:
    spec = read(a_body(REACHES[1])).spec

    with pytest.raises(RegistrationInvalid) as refused:
        read(patched(spec, {"weight": 0, "prioritty": 1, "timeout_ms": "x"}, 99))

    assert {one.pointer for one in refused.value.findings} == {  # type: ignore[attr-defined]  # all are Problems
        "/weight", "/prioritty", "/timeout_ms",
    }  # fmt: skip


@pytest.mark.parametrize("patch", [[], "x", None, 3])
def test_a_patch_is_an_object(patch: object) -> None:
    spec = read(a_body(REACHES[1])).spec

    with pytest.raises(RegistrationInvalid):
        patched(spec, patch, 9)


def test_a_patch_has_the_size_limit_of_a_registration() -> None:
    with pytest.raises(TooLarge):
        patched(read(a_body(REACHES[1])).spec, {}, 262_145)


def test_what_an_agent_told_of_itself_holds_through_a_patch_of_other_things() -> None:
    spec = read(a_body(REACHES[5])).spec
    known = msgspec.structs.replace(spec, told=True)

    weighed = kept(known, untold(patched(known, {"weight": 2}, 99)))
    moved = kept(known, untold(patched(known, {"card_url": "https://b.example/card"}, 99)))

    assert weighed.spec.capabilities == known.capabilities
    assert moved.spec.capabilities == ()


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging_is_as_the_standard_shows_it(target: Any, patch: Any, merged: Any) -> None:
    assert merge(target, patch) == merged
