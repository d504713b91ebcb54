"""What each error answer means: the table of AGENTS.md, section 7, row by row."""

from typing import Any

import msgspec
import pytest

from orchestra.agents.providers import Failure
from orchestra.agents.providers.failures import failure_in_answer, failure_of
from orchestra.security.outbound import Reply


def failed(status: int, body: object = None, **headers: str) -> Failure:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return failure_of(Reply(status, given, msgspec.json.encode(body)))


def told(failure: Failure) -> tuple[Any, ...]:
    return (
        failure.error.code, failure.outcome, failure.gate_ms, failure.elsewhere, failure.again,
        failure.fallback,
    )  # fmt: skip


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_a_server_error_is_a_failure_of_the_agent_and_goes_elsewhere(status: int) -> None:
    assert told(failed(status)) == ("agent.error", "fail", 0, True, False, False)


@pytest.mark.parametrize("status", [408, 409, 425])
def test_a_conflict_is_for_the_same_agent_after_a_pause(status: int) -> None:
    assert told(failed(status)) == ("agent.error", "none", 0, False, True, False)


@pytest.mark.parametrize("status", [400, 404, 405, 413, 422])
def test_a_refused_input_is_final(status: int) -> None:
    assert told(failed(status)) == ("agent.bad_request", "none", 0, False, False, False)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_proof_is_misconfigured_for_5_minutes(status: int) -> None:
    assert told(failed(status)) == ("agent.auth", "deny", 300_000, True, False, False)


@pytest.mark.parametrize(
    ("failure", "gate_ms", "after_ms"),
    [
        (failed(429), 0, None),  # the store's script makes it longer each time
        (failed(429, retry_after="7"), 7_000, 7_000),
        (failed(429, retry_after="7", retry_after_ms="1500"), 1_500, 1_500),
        (failed(429, retry_after="86400"), 900_000, 86_400_000),
        (failed(429, retry_after="soon"), 0, None),
        (failed(429, {"error": {"retry_after_ms": 20}}, retry_after="7"), 20, 20),
        (
            failed(
                429,
                date="Mon, 23 Nov 2026 01:00:00 GMT",
                retry_after="Mon, 23 Nov 2026 01:00:09 GMT",
            ),
            9_000,
            9_000,
        ),
        (failed(402), 600_000, None),
        (failed(429, {"error": {"code": "insufficient_quota"}}), 600_000, None),
        (failed(403, {"error": {"type": "billing_error"}}), 600_000, None),
    ],
)
def test_a_rate_is_proof_of_life_and_closes_the_gate(
    failure: Failure, gate_ms: int, after_ms: int | None
) -> None:
    assert told(failure) == ("agent.rate_limited", "rate", gate_ms, True, False, False)
    assert failure.error.retry_after_ms == after_ms


def test_the_agents_own_word_on_retrying_goes_before_the_status() -> None:
    final = failed(503, x_should_retry="false")
    again = failed(400, x_should_retry="true")
    said = failed(500, {"error": {"retryable": False}})
    both = failed(500, {"error": {"retryable": False}}, x_should_retry="true")

    assert (final.error.retryable, final.elsewhere, final.outcome) == (False, False, "fail")
    assert (again.error.retryable, again.again, again.elsewhere) == (True, True, False)
    assert (said.error.retryable, said.elsewhere) == (False, False)
    assert (both.error.retryable, both.elsewhere) == (True, True)


@pytest.mark.parametrize(
    "error",
    [
        {"code": "context_length_exceeded"},
        {"type": "context_too_long", "message": "no"},
        {"message": "This model's maximum context length is 8192 tokens"},
        {"message": "prompt is too long: 9000 > 8192"},
    ],
)
def test_an_input_that_was_too_long_asks_for_a_fallback(error: dict[str, str]) -> None:
    failure = failed(400, {"error": error})

    assert (failure.error.code, failure.fallback) == ("agent.bad_request", True)
    assert not failed(500, {"error": error}).fallback


def test_a_code_of_the_agents_own_is_its_businesss_answer() -> None:
    own = failed(500, {"error": {"code": "stock.gone", "message": "none left"}})
    again = failed(409, {"error": {"code": "stock.locked", "retryable": True}})
    ours = failed(500, {"error": {"code": "timeout.attempt"}})
    busy = failed(429, {"error": {"code": "shop.busy"}}, retry_after="2")

    assert told(own) == ("stock.gone", "none", 0, False, False, False)
    assert own.error.message == "the agent answered 500: none left"
    assert told(again) == ("stock.locked", "none", 0, False, True, False)
    assert ours.error.code == "agent.error"
    assert told(busy) == ("shop.busy", "rate", 2_000, True, False, False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "gone"}, "the agent answered 500: gone"),
        ({"title": "Gone", "detail": "it left"}, "the agent answered 500: it left"),
        ({"error": {"message": ["x"]}}, "the agent answered 500"),
        ([1], "the agent answered 500"),
        ({"error": {"message": "x" * 9_999}}, "the agent answered 500: " + "x" * 1_024),
    ],
)
def test_what_can_be_read_of_the_reason_is_quoted(body: object, message: str) -> None:
    assert failed(500, body).error.message == message


def test_an_error_inside_an_answer_that_began_well_is_read_the_same_way() -> None:
    plain = failure_in_answer({"message": "tired", "retry_after_ms": 50})
    own = failure_in_answer({"code": "stock.gone"})
    nothing = failure_in_answer(None)

    assert told(plain) == ("agent.error", "fail", 0, True, False, False)
    assert (plain.error.message, plain.error.retry_after_ms) == ("the agent failed: tired", 50)
    assert told(own) == ("stock.gone", "none", 0, False, False, False)
    assert nothing.error.message == "the agent failed"
