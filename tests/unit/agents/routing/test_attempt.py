"""What may follow a call, and what is said when nothing does."""

from typing import Any

import pytest
from agent_replicas import a_task

from orchestra.agents import TaskError
from orchestra.agents.pools.roster import ANY, Choice, roster_of
from orchestra.agents.pools.slots import Refusal, Seen
from orchestra.agents.providers import Answer, Failure, Usage
from orchestra.agents.records import Agent, HttpReach, LlmReach, Registration
from orchestra.agents.routing.attempt import Attempt, Next, Picked, fallbacks
from orchestra.agents.routing.calls import ended_of, time_for
from orchestra.agents.routing.refusals import error_of
from orchestra.store.keys import DEFAULT_TENANT

DOWN = Failure(TaskError("agent.unavailable", "refused"), "fail", elsewhere=True)
LOST = Failure(TaskError("agent.lost", "cut", definite=False), "fail", elsewhere=True)
EARLY = Failure(TaskError("agent.error", "425"), again=True)
WRONG = Failure(TaskError("agent.bad_request", "no"))
LONG = Failure(TaskError("agent.bad_request", "context too long"), fallback=True)


def an_agent(name: str = "a", **given: Any) -> Agent:
    fields: dict[str, Any] = {"max_concurrency": 4, "reach": HttpReach("http://192.0.2.1/")}
    return Agent(
        f"agt_{name}", DEFAULT_TENANT, 1, 0, Registration(name, "pool", "http", **(fields | given))
    )


def choice(size: int = 3) -> Choice:
    agents = [an_agent(f"a{n}") for n in range(size)]
    return roster_of(DEFAULT_TENANT, agents).pools["pool"].choices[ANY]


def after(*failures: Failure, now: float = 1.0, **task: Any) -> Next:
    """What may follow these, of the minute there is."""
    attempt = Attempt(a_task("pool", **task), 0.0)
    attempt.begun = 0.0
    for n, failure in enumerate(failures):
        picked = Picked(choice(), an_agent(f"a{n}"), 0.0)
        attempt.failed(picked, failure, 0.1)
    return attempt.next(now)


@pytest.mark.parametrize(
    ("failures", "task", "expected"),
    [
        ([DOWN], {}, "elsewhere"),
        ([DOWN, DOWN], {}, "elsewhere"),
        ([DOWN, DOWN, DOWN], {}, "fallback"),
        ([EARLY], {}, "again"),
        ([WRONG], {}, "stop"),
        ([LONG], {}, "fallback"),
        ([LOST], {}, "elsewhere"),
        ([LOST], {"once": True}, "stop"),
        ([DOWN], {"once": True}, "elsewhere"),
        ([LOST, DOWN], {"once": True}, "stop"),
        ([DOWN] * 5, {}, "stop"),
    ],
)
def test_what_may_follow_a_failure(
    failures: list[Failure], task: dict[str, Any], expected: Next
) -> None:
    assert after(*failures, **task) == expected


def test_nothing_follows_when_the_time_is_over() -> None:
    assert after(DOWN, now=59.97) == "stop"


def test_a_fallback_has_one_call() -> None:
    attempt = Attempt(a_task("pool"), 0.0)
    attempt.begun, attempt.fallback_of = 0.0, "pool"
    attempt.failed(Picked(choice(), an_agent(), 0.0), DOWN, 0.1)

    assert attempt.next(0.2) == "fallback"


def test_a_call_leaves_time_for_another_one_and_has_a_usual_limit() -> None:
    agent, model = an_agent(), an_agent(reach=LlmReach("https://192.0.2.1", "chat", "m"))

    assert time_for(agent, None, 10.0, follows=False) == 10_000
    assert time_for(agent, None, 10.0, follows=True) == 6_000
    assert time_for(agent, None, 500.0, follows=False) == 60_000
    assert time_for(model, None, 500.0, follows=False) == 120_000
    assert time_for(an_agent(timeout_ms=300_000), None, 500.0, follows=False) == 300_000
    assert time_for(an_agent(reach=None), None, 500.0, follows=False) == 500_000


def test_somebody_can_follow_only_where_a_second_call_is_allowed() -> None:
    attempt = Attempt(a_task("pool"), 0.0)

    assert attempt.may_follow(choice(2), more=False)
    assert not attempt.may_follow(choice(1), more=False)
    assert attempt.may_follow(choice(1), more=True)
    assert not Attempt(a_task("pool", once=True), 0.0).may_follow(choice(2), more=True)
    attempt.excluded = {"agt_a0", "agt_a1"}
    assert not attempt.may_follow(choice(2), more=False)
    assert attempt.may_follow(choice(3), more=False)


def test_fallbacks_are_the_agents_then_the_tasks_each_once_and_three_at_most() -> None:
    agent = an_agent(fallbacks=("agent:b", "type:t"))
    task = a_task("pool", fallbacks=("type:t", "capability:c", "agent:z"), version="1.0.0")

    found = [(one.agent, one.agent_type, one.capability) for one in fallbacks(task, agent)]

    assert found == [("b", None, None), (None, "t", None), (None, None, "c")]
    assert all(one.version is None for one in fallbacks(task, agent))


def test_tokens_are_settled_by_what_was_used_and_kept_when_nobody_knows() -> None:
    used = Usage(input_tokens=30, output_tokens=12)
    quick = Failure(TaskError("agent.rate_limited", "429"), "rate", 5_000, elsewhere=True)
    hinted = Failure(TaskError("agent.rate_limited", "429", retry_after_ms=2_000), "rate", 2_000)

    assert ended_of(Answer(None, used), 100, 7).tokens == -58
    assert ended_of(Answer(None), 100, 7).tokens == 0
    assert ended_of(DOWN, 100, 7).tokens == -100
    assert ended_of(LOST, 100, 7).tokens == 0
    assert ended_of(quick, 0, 7).gate_ms == 0, "the pool makes more of it each time"
    assert ended_of(hinted, 0, 7).gate_ms == 2_000


@pytest.mark.parametrize(
    ("refusal", "problem", "words"),
    [
        (Refusal("cooling", 4_200, Seen(open=2, stale=1)), "no-agent-available",
         "2 down after failures or refused credentials, 1 stale (no heartbeat); "
         "the first may be asked again in 4.2 s"),
        (Refusal("down", 3, Seen(stale=3)), "no-agent-available", ": 3 stale (no heartbeat)"),
        (Refusal("late", 2, Seen(full=2)), None, "no agent was free in time: 2 busy"),
        (Refusal("budget"), "retry-budget-exhausted", "budget of retries"),
        (Refusal("saturated", 1_000), "pool-saturated", "1000 callers wait"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_look_at(refusal: Refusal, problem: str | None, words: str) -> None:
    error = error_of(refusal)

    assert words in error.message
    assert error.problem == problem
    assert error.definite


def test_what_an_agent_said_is_told_with_why_it_was_not_tried_again() -> None:
    attempt = Attempt(a_task("pool"), 0.0)
    attempt.begun = 0.0
    attempt.failed(Picked(choice(), an_agent(), 0.0), DOWN, 0.1)
    attempt.refused(Refusal("budget"))

    error = attempt.result(1.0, "").error

    assert error is not None
    assert (error.code, error.problem) == ("agent.unavailable", "retry-budget-exhausted")
    assert error.message.startswith("refused; not tried again: ")
