"""Errors of LLM APIs: what each means for the agent, for others, and for the caller."""

from typing import Any

import msgspec
import pytest

from orchestra.agents.llm.faults import failure_of_event, failure_of_reply
from orchestra.agents.providers import Failure
from orchestra.security.outbound import Reply


def failure(status: int, error: object = None, **headers: str) -> Failure:
    body = b"" if error is None else msgspec.json.encode({"error": error})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return failure_of_reply(Reply(status, named, body), ("sk-secret-1",))


def openai(code: str | None, kind: str = "", message: str = "oh") -> dict[str, Any]:
    return {"message": message, "type": kind, "param": None, "code": code}


@pytest.mark.parametrize(
    ("status", "error", "code", "outcome", "gate_ms", "elsewhere"),
    [
        (400, openai("invalid_value"), "agent.bad_request", "none", 0, False),
        (401, openai("invalid_api_key"), "agent.auth", "deny", 300_000, True),
        (402, None, "agent.rate_limited", "rate", 600_000, True),
        (403, None, "agent.auth", "deny", 300_000, True),
        (404, openai("model_not_found"), "agent.bad_request", "none", 0, False),
        (408, None, "agent.error", "none", 0, False),
        (413, {"type": "request_too_large"}, "agent.bad_request", "none", 0, False),
        (429, openai("rate_limit_exceeded"), "agent.rate_limited", "rate", 0, True),
        (429, openai("insufficient_quota"), "agent.rate_limited", "rate", 600_000, True),
        (400, {"type": "billing_error"}, "agent.rate_limited", "rate", 600_000, True),
        (500, {"type": "api_error"}, "agent.error", "fail", 0, True),
        (503, "down", "agent.error", "fail", 0, True),
        (529, {"type": "overloaded_error"}, "agent.error", "fail", 0, True),
    ],
)
def test_each_error_has_its_meaning(
    status: int, error: object, code: str, outcome: str, gate_ms: int, elsewhere: bool
) -> None:
    told = failure(status, error)

    assert (told.error.code, told.outcome) == (code, outcome)
    assert (told.gate_ms, told.elsewhere, told.error.definite) == (gate_ms, elsewhere, True)


@pytest.mark.parametrize(
    "error",
    [
        openai("context_length_exceeded"),
        openai(None, message="This model's maximum context length is 8192 tokens."),
        {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
        openai(None, message="the request exceeds the available context size"),
        openai(None, message="Input is too long for requested model."),
    ],
)
def test_a_context_that_was_too_long_is_for_a_fallback(error: object) -> None:
    told = failure(400, error)

    assert (told.fallback, told.elsewhere, told.error.code) == (True, False, "agent.bad_request")


def test_other_bad_requests_are_for_nobody() -> None:
    assert not failure(400, openai("invalid_value")).fallback
    assert not failure(500, openai(None, message="context window")).fallback


def test_told_not_to_come_back_is_told_for_this_agent_alone() -> None:
    told = failure(503, None, x_should_retry="false")

    assert (told.elsewhere, told.again, told.error.retryable) == (True, False, False)


def test_a_code_with_a_dot_is_not_the_agents_own() -> None:
    assert failure(500, openai("billing.down")).error.code == "agent.error"


def test_hints_say_when_and_whether_to_come_back() -> None:
    exact = failure(429, None, retry_after="9", retry_after_ms="250")

    assert (exact.gate_ms, exact.error.retry_after_ms) == (250, 250)
    assert failure(429, None, retry_after="9").gate_ms == 9_000
    assert failure(500, None, x_should_retry="false").error.retryable is False
    assert failure(400, None, x_should_retry="true").error.retryable is True
    assert failure(400, None).error.retryable is None


def test_a_quota_used_up_says_when_it_is_filled() -> None:
    headers = {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "12s"}

    assert failure(429, None, **headers).gate_ms == 12_000
    assert failure(429, None, retry_after="2", **headers).gate_ms == 2_000
    assert failure(500, None, **headers).gate_ms == 0


def test_no_key_is_quoted() -> None:
    wrong = openai("invalid_api_key", message="Incorrect API key provided: sk-se***t-1")
    leaked = openai("invalid_value", message="sk-secret-1 may not do this")

    assert failure(401, wrong).error.message == "the agent answered 401"
    assert failure(403, leaked).error.message == "the agent answered 403: *** may not do this"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff", b"{" * 9_999, b"null"])
def test_a_body_that_says_nothing_leaves_the_status(body: bytes) -> None:
    told = failure_of_reply(Reply(503, {}, body))

    assert (told.error.message, told.outcome) == ("the agent answered 503", "fail")


def test_an_error_without_its_outer_object_is_read() -> None:
    body = msgspec.json.encode({"message": "prompt is too long", "type": "x"})

    assert failure_of_reply(Reply(400, {}, body)).fallback


@pytest.mark.parametrize(
    ("error", "code"),
    [({"code": 429}, "agent.rate_limited"), ({"status": 401}, "agent.auth"),
     ({"code": "server_error"}, "agent.error"), ({"type": "timeout_error"}, "agent.error"),
     ({"code": "unsupported_image_media_type"}, "agent.bad_request"), ({}, "agent.error"),
     ({"code": 17, "type": None}, "agent.error")],
)  # fmt: skip
def test_an_error_inside_an_answer_is_read_by_its_names(error: dict[str, Any], code: str) -> None:
    told = failure_of_event(error | {"message": "oh"}, None)

    assert told.error.code == code
    if code != "agent.auth":
        assert told.error.message == "the model failed while it answered: oh"
