"""Live topics of tasks are bounded for each tenant."""

import pytest

from orchestra.agents.tasks import live
from orchestra.agents.tasks.live import Live
from orchestra.agents.tasks.post import Post
from orchestra.clock import SystemClock
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio


async def test_a_tenant_with_many_tasks_closes_only_its_own_oldest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TOPICS_EACH_MAX", 3)
    topics = Live(Post(store, "here"), SystemClock())
    other = topics.open("other", Tenant("other"))
    mine = [topics.open(f"t{n}", DEFAULT_TENANT) for n in range(5)]

    assert [one.ended for one in mine] == [True, True, False, False, False]
    assert not other.ended
    topics.close("t2")
    topics.close("other")
    topics.open("t5", DEFAULT_TENANT)
    assert [one.ended for one in mine] == [True, True, True, False, False]
