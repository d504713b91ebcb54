"""What follows a failed attempt."""

import pytest
from workflow_work import NOW_MS, a_work

from orchestra.agents import TaskError
from orchestra.retry import Backoff
from orchestra.workflows.language.definition import RetryPolicy
from orchestra.workflows.planning.failing import Failure, broken, failed, matches, retry_delay_ms


@pytest.mark.parametrize(
    ("code", "pattern", "fits"),
    [
        ("agent.error", "agent.error", True),
        ("agent.error", "agent.*", True),
        ("agent.error", "*", True),
        ("agent.error", "agent", False),
        ("agents.error", "agent.*", False),
        ("agent", "agent.*", False),
        ("payment.card.declined", "payment.*", True),
    ],
)
def test_a_pattern_is_a_code_a_prefix_or_everything(code: str, pattern: str, fits: bool) -> None:
    assert matches(code, (pattern,)) is fits


PLAIN = RetryPolicy(3, Backoff("fixed", 100, jitter="none"))


def a_failure(code: str = "agent.error", retry_after_ms: int | None = None) -> Failure:
    """A failed attempt."""
    error = TaskError(code, "no", retry_after_ms=retry_after_ms)
    return Failure(error, {"ended_ms": NOW_MS})


@pytest.mark.parametrize(("tried", "delay"), [(1, 100), (2, 100), (3, None), (4, None)])
def test_r15_there_are_as_many_attempts_as_the_policy_says(tried: int, delay: int | None) -> None:
    assert retry_delay_ms(PLAIN, a_failure(), tried, lambda: 0.5) == delay


def test_r15_retry_after_is_a_lower_bound_also_beyond_max() -> None:
    assert retry_delay_ms(PLAIN, a_failure(retry_after_ms=90_000), 1, lambda: 0.5) == 90_000
    assert retry_delay_ms(PLAIN, a_failure(retry_after_ms=10), 1, lambda: 0.5) == 100


def test_r22_a_failure_in_a_scope_lets_the_scope_decide() -> None:
    branch = {"id": "b", "steps": [{"id": "x", "agent_type": "t"}]}
    parallel = {"id": "p", "type": "parallel", "branches": [branch]}

    made = broken(a_work(parallel, path="p/b/x"), TaskError("agent.error", "no"))

    assert (made.out, made.escalate, made.end, made.succ) == ("F", "1", "", "")


def test_r18_a_tolerated_failure_goes_on_to_its_followers() -> None:
    follower = {"id": "y", "agent_type": "t", "depends_on": ["x"], "run_when": "all_done"}

    made = broken(a_work({"id": "x", "agent_type": "t"}, follower), TaskError("agent.error", "no"))

    assert (made.end, made.escalate, made.succ) == ("", "", "y\t2|t")


def test_a_rule_whose_output_cannot_be_rendered_fails_the_step() -> None:
    rule = {"do": "continue", "output": "${input.nothing}"}

    made = failed(a_work({"id": "x", "agent_type": "t", "on_error": [rule]}), a_failure())

    assert (made.out, made.record["error"]["code"]) == ("F", "expression.missing")


def test_a_message_is_cut_at_4_kib() -> None:
    made = broken(a_work({"id": "x", "agent_type": "t"}), TaskError("agent.error", "x" * 10_000))

    assert len(made.record["error"]["message"]) == 4_096
