"""What an open page has not been told yet."""

import pytest

from orchestra.dashboard.telling import (
    OVERVIEW,
    THINGS_MAX,
    Gist,
    TopicUnknown,
    Untold,
    topics_of,
)


def a_gist(kind: str, *keys: str) -> Gist:
    return Gist({kind: keys or ("exe_1",)})


def test_the_latest_of_each_thing_is_told_once() -> None:
    untold = Untold(["executions", "overview"])

    for _ in range(3):
        untold.happened(a_gist("workflow.completed"), 1.0)

    assert untold.news.is_set()
    assert [*untold.take()[0]] == [("row", "exe_1"), OVERVIEW]
    assert untold.take()[0] == {}


def test_more_than_a_page_can_show_makes_the_topic_stale() -> None:
    untold = Untold(["executions", "execution:exe_1"])

    untold.happened(a_gist("step.started"), 1.0)
    for i in range(THINGS_MAX + 50):
        untold.happened(a_gist("workflow.accepted", f"exe_{i}"), 1.0)

    things, stale, fresh = untold.take()
    assert things == {("run", "exe_1"): 1.0}
    assert stale == ["executions"]
    assert fresh == THINGS_MAX + 50


def test_a_page_is_told_only_of_what_it_shows() -> None:
    untold = Untold(["execution:exe_1", "agents"])

    untold.happened(a_gist("step.started", "exe_2"), 1.0)
    untold.happened(a_gist("workflow.accepted", "exe_2"), 1.0)
    assert not untold.news.is_set()
    untold.happened(a_gist("agent.unhealthy", "agt_1"), 1.0)
    assert untold.take()[1] == ["agents"]


def test_a_page_that_knows_nothing_is_told_everything() -> None:
    untold = Untold(["execution:exe_1", "agents", "overview"])

    untold.everything(1.0)

    things, stale, _ = untold.take()
    assert [*things] == [("run", "exe_1"), OVERVIEW]
    assert stale == ["agents"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "nothing",
        "execution:exe_a,bogus",
        "x" * 3_000,
        "execution:exe_1/steps",
        "overview:a",
    ],
)
def test_nobody_listens_to_what_is_no_topic(text: str) -> None:
    with pytest.raises(TopicUnknown):
        topics_of(text)
