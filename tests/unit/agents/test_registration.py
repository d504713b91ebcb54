"""A registration: everything that is wrong with it, each with its place, or what it means."""

from typing import Any

import msgspec
import pytest
from agent_replicas import an_agent, can

from orchestra.agents import PythonAgent
from orchestra.agents.records import A2AReach, HttpReach, LlmReach, McpReach
from orchestra.agents.registration.reading import (
    BODY_MAX_BYTES,
    Read,
    RegistrationInvalid,
    read_registration,
)
from orchestra.errors import Problem, TooLarge

INSTALLED = an_agent("text_processor", can("sentiment_analysis", print))


def installed(agent_type: str) -> PythonAgent | None:
    return INSTALLED if agent_type == "text_processor" else None


def minimal(**fields: Any) -> dict[str, Any]:
    capability = {"name": "shrink", "input_types": ["text"], "output_types": ["json"]}
    return {"name": "a-1", "agent_type": "image", "capabilities": [capability]} | fields


def http(**fields: Any) -> dict[str, Any]:
    return minimal(endpoint="https://agents.example/run") | fields


def read(body: object) -> Read:
    return read_registration(body, len(msgspec.json.encode(body)), installed)


def found(body: object) -> set[tuple[str, str]]:
    with pytest.raises(RegistrationInvalid) as refused:
        read(body)
    problems = [one for one in refused.value.findings if isinstance(one, Problem)]
    return {(one.pointer, one.code) for one in problems}


def test_the_originals_three_fields_are_enough_where_the_code_is_installed() -> None:
    body = {
        "name": "text-processor-1",
        "agent_type": "text_processor",
        "capabilities": [
            {"name": "sentiment_analysis", "input_types": ["text"], "output_types": ["json"]}
        ],
    }

    reading = read(body)

    assert reading.warnings == ()
    assert (reading.spec.provider, reading.spec.priority) == ("python", 15)
    assert reading.spec.max_concurrency is None
    assert reading.spec.capabilities[0].input_types == ("text",)


def test_without_code_and_endpoint_an_agent_polls_for_its_tasks() -> None:
    reading = read(minimal())

    assert (reading.spec.provider, reading.spec.reach) == ("pull", None)
    assert reading.warnings == ()


def test_a_capability_the_code_lacks_is_warned_about() -> None:
    reading = read(minimal(agent_type="text_processor"))

    assert [(one.pointer, one.code) for one in reading.warnings] == [
        ("/capabilities/0", "capability_unserved")
    ]


def test_an_endpoint_makes_an_http_agent_with_the_defaults_of_the_contract() -> None:
    spec = read(http()).spec

    assert (spec.provider, spec.priority, spec.weight, spec.max_concurrency) == ("http", 8, 1, 8)
    assert (spec.timeout_ms, spec.version) == (60_000, "0.0.0")
    assert spec.reach == HttpReach("https://agents.example/run")


def test_each_providers_own_fields_are_enough_beside_the_three() -> None:
    auth = {"type": "hmac", "secret": "${secret:k}"}
    calls_back = read(http(auth=auth, **{"async": True, "cancel_url": "https://h/tasks"})).spec
    model = read(minimal(provider="openai", model="gpt-5-mini")).spec
    tools = read(minimal(provider="mcp", url="https://h/mcp")).spec
    card = read(minimal(provider="a2a", card_url="https://h/card.json")).spec

    assert isinstance(calls_back.reach, HttpReach)
    assert (calls_back.auth.type, calls_back.auth.secret) == ("hmac", "${secret:k}")
    assert (calls_back.reach.later, calls_back.reach.cancel_url) == (True, "https://h/tasks")
    assert isinstance(model.reach, LlmReach)
    assert (model.reach.api, model.reach.base_url) == ("responses", "https://api.openai.com/v1")
    assert (tools.reach, card.reach) == (
        McpReach("https://h/mcp"),
        A2AReach("https://h/card.json"),
    )


def test_all_findings_come_at_once_with_their_places() -> None:
    body = {
        "nmae": "x",
        "agent_type": "with space",
        "capabilities": [{"name": "a", "input_types": [1]}, {"name": "a"}, 7, {"nam": "b"}],
        "endpoint": "ftp://agents.example/",
        "priority": 16,
        "weight": 0,
        "max_concurrency": "many",
        "labels": {"zone": 3},
        "heartbeat": {"mode": "pull", "interval_s": 10, "ttl_s": 5},
    }

    assert found(body) == {
        ("/nmae", "unknown_field"),
        ("/name", "missing_field"),
        ("/agent_type", "format"),
        ("/capabilities/0/input_types/0", "type"),
        ("/capabilities/1/name", "duplicate_capability"),
        ("/capabilities/2", "type"),
        ("/capabilities/3/nam", "unknown_field"),
        ("/capabilities/3/name", "missing_field"),
        ("/endpoint", "format"),
        ("/priority", "out_of_range"),
        ("/weight", "out_of_range"),
        ("/max_concurrency", "type"),
        ("/labels/zone", "type"),
        ("/heartbeat/mode", "not_an_option"),
        ("/heartbeat/ttl_s", "out_of_range"),
    }


def test_an_unknown_field_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(RegistrationInvalid) as refused:
        read(minimal(max_concurency=3))

    assert refused.value.findings == (
        Problem("/max_concurency", "unknown_field", "this field is unknown", "max_concurrency"),
    )


@pytest.mark.parametrize(
    ("fields", "finding"),
    [
        ({"provider": "openai", "params": {"stream": True}}, ("/params/stream", "not_an_option")),
        ({"provider": "openai", "base_url": "h/v1"}, ("/base_url", "format")),
        ({"provider": "openai", "base_url": "http://["}, ("/base_url", "format")),
        ({"provider": "openai", "base_url": 7}, ("/base_url", "type")),
        ({"provider": "mcp"}, ("/url", "missing_field")),
        ({"provider": "a2a"}, ("/card_url", "missing_field")),
        ({"provider": "a2a", "endpoint": "https://h/"}, ("/endpoint", "unknown_field")),
        ({"provider": "openai", "model": ""}, ("/model", "format")),
        ({"provider": "opnai"}, ("/provider", "not_an_option")),
        ({"provider": "python"}, ("/agent_type", "code_not_installed")),
        ({"provider": "http"}, ("/endpoint", "missing_field")),
        ({"command": ["sh", "-c", "x"]}, ("/command", "command_not_allowed")),
        ({"metadata": {"api_key": "abcdefgh12345"}}, ("/metadata/api_key", "secret_literal")),
        ({"description": "key sk-abcdefghijklmnopqrstuv"}, ("/description", "secret_literal")),
        ({"version": "one"}, ("/version", "format")),
        ({"capabilities": None}, ("/capabilities", "missing_field")),
        ({"capabilities": [{"name": "c"}] * 65}, ("/capabilities", "too_many")),
        ({"timeout_ms": 99}, ("/timeout_ms", "out_of_range")),
        ({"timeout_ms": True}, ("/timeout_ms", "type")),
    ],
)
def test_what_the_contract_refuses(fields: dict[str, Any], finding: tuple[str, str]) -> None:
    assert finding in found(minimal(**fields))


@pytest.mark.parametrize(
    ("fields", "finding"),
    [
        ({"endpoint": "http://user:pw@h/"}, ("/endpoint", "format")),
        ({"endpoint": "http://h:99999/"}, ("/endpoint", "format")),
        ({"async": "yes"}, ("/async", "type")),
        ({"cancel_url": "gopher://h/"}, ("/cancel_url", "format")),
        ({"format": "template"}, ("/request_template", "missing_field")),
        (
            {"format": "template", "request_template": "{{env.x}}"},
            ("/request_template", "unknown_place"),
        ),
        ({"auth": {"type": "bearer", "secret": "hunter2"}}, ("/auth/secret", "secret_literal")),
        ({"auth": {"type": "bearer"}}, ("/auth/secret", "missing_field")),
    ],
)  # fmt: skip
def test_what_an_http_agent_must_not_say(fields: dict[str, Any], finding: tuple[str, str]) -> None:
    assert finding in found(http(**fields))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objec"},
        {"$ref": "https://h/schema.json"},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"pattern": "(?=a)b"},
        {"description": "x" * 70_000},
    ],
)
def test_a_schema_is_valid_small_and_refers_to_itself_only(schema: dict[str, Any]) -> None:
    capability = {"name": "c", "input_schema": schema}

    assert found(minimal(capabilities=[capability])) == {
        ("/capabilities/0/input_schema", "bad_schema")
    }


def test_a_schema_may_refer_to_its_own_parts() -> None:
    schema = {"$defs": {"t": {"type": "string"}}, "properties": {"text": {"$ref": "#/$defs/t"}}}

    assert read(minimal(capabilities=[{"name": "c", "input_schema": schema}])).spec.capabilities


@pytest.mark.parametrize("body", [[], "agent", 7, None])
def test_what_is_no_object_is_refused(body: object) -> None:
    assert found(body) == {("", "type")}


def test_a_body_over_256_kib_is_too_large() -> None:
    with pytest.raises(TooLarge):
        read_registration(minimal(), BODY_MAX_BYTES + 1, installed)
