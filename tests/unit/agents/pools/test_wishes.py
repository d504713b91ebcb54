"""What a task wishes of a pick: who is preferred, and how many tokens it may take."""

from collections import Counter
from typing import Any

import msgspec
from agent_replicas import a_task

from orchestra.agents.pools.roster import ANY, Choice, roster_of
from orchestra.agents.pools.wishes import PLAIN, Wish, estimate, wish_of
from orchestra.agents.records import Agent, HttpReach, Limits, LlmReach, Price, Registration
from orchestra.store.keys import DEFAULT_TENANT


def an_agent(name: str, **given: Any) -> Agent:
    fields: dict[str, Any] = {"max_concurrency": 4, "reach": HttpReach("http://192.0.2.1/")}
    spec = Registration(name, "pool", "http", **(fields | given))
    return Agent(f"agt_{name}", DEFAULT_TENANT, 1, 0, spec)


def choice(*agents: Agent) -> Choice:
    return roster_of(DEFAULT_TENANT, agents).pools["pool"].choices[ANY]


def preferred(wish: Wish) -> list[str]:
    return [line.partition("|")[0].removeprefix("agt_") for line in wish.prefer.splitlines()]


def five(**given: Any) -> Choice:
    return choice(*(an_agent(f"a{n}", **given) for n in range(5)))


def test_a_task_that_asks_for_nothing_wishes_for_nothing() -> None:
    assert wish_of(a_task("pool"), five()) is PLAIN


def test_the_same_session_prefers_the_same_agents_and_another_one_others() -> None:
    orders = {
        session: preferred(wish_of(a_task("pool", session=session), five()))
        for session in ("s1", "s2", "s3", "s4")
    }

    again = wish_of(a_task("pool", session="s1"), five())
    assert preferred(again) == orders["s1"]
    assert again.bound == 20
    assert len({tuple(order) for order in orders.values()}) > 1


def test_when_an_agent_goes_only_its_own_sessions_move() -> None:
    before, after = five(), choice(*(an_agent(f"a{n}") for n in range(4)))
    moved = 0
    for n in range(300):
        task = a_task("pool", session=f"s{n}")
        home, other = preferred(wish_of(task, before))[0], preferred(wish_of(task, after))[0]
        moved += home != other
        assert home in ("a4", other)

    assert 30 < moved < 90


def test_who_can_do_twice_as_much_is_home_to_twice_as_many_sessions() -> None:
    pool = choice(an_agent("large", max_concurrency=8), an_agent("small"))

    homes = Counter(
        preferred(wish_of(a_task("pool", session=f"s{n}"), pool))[0] for n in range(900)
    )

    assert 520 < homes["large"] < 680


def test_affinity_without_a_session_is_to_the_execution() -> None:
    task = a_task("pool", strategy="affinity", execution="exe_1")

    assert wish_of(task, five()) == wish_of(msgspec.structs.replace(task, id="tsk_2"), five())
    assert wish_of(a_task("pool", strategy="affinity"), five()) is PLAIN


def test_the_cheapest_of_the_best_tier_comes_first_and_the_unpriced_last() -> None:
    pool = choice(
        an_agent("unpriced"),
        an_agent("dear", price=Price(5_000_000, 5_000_000)),
        an_agent("cheap", price=Price(1_000_000, None)),
        an_agent("free", price=Price(0, 0), priority=15),
    )

    wish = wish_of(a_task("pool", strategy="cheapest"), pool)

    assert preferred(wish) == ["cheap", "dear", "unpriced", "free"]


def test_tokens_are_a_quarter_of_the_characters_and_the_most_it_may_answer() -> None:
    model = LlmReach("https://192.0.2.1", "chat", "m", {"max_tokens": 500})
    limited = choice(an_agent("m", reach=model, limits=Limits(tpm=1_000)))
    task = a_task("pool", input_data={"text": "x" * 390})

    assert estimate(task, limited) == 100 + 500
    assert wish_of(task, limited).tokens == 600
    assert wish_of(task, five()).tokens == 0
