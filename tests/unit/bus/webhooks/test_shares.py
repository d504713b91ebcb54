"""Who of a tenant's webhooks loses how much when too much waits."""

from hypothesis import given
from hypothesis import strategies as st

from orchestra.bus.webhooks.records import Endpoint
from orchestra.bus.webhooks.shares import too_heavy
from orchestra.store.keys import DEFAULT_TENANT, Tenant

OTHER = Tenant("other")


def webhook(name: str, tenant: Tenant = DEFAULT_TENANT) -> Endpoint:
    return Endpoint(f"whk_{name}", tenant, name, "http://a.test/")


def cut(most: int, **weights: int) -> dict[str, int]:
    found = too_heavy([(webhook(name), weight) for name, weight in weights.items()], most)
    return {endpoint.name: left for endpoint, left in found}


def test_the_heaviest_are_cut_to_what_the_others_leave() -> None:
    assert cut(100, a=50, b=50) == {}
    assert cut(100, a=10, b=200) == {"b": 90}
    assert cut(100, a=10, b=200, c=46, d=45) == {"b": 30, "c": 30, "d": 30}
    assert cut(100, a=10, b=0, c=60, d=45) == {"c": 45}


def test_each_tenant_has_its_own() -> None:
    some = [(webhook("a"), 90), (webhook("b", OTHER), 90), (webhook("c", OTHER), 20)]

    found = [(endpoint.name, left) for endpoint, left in too_heavy(some, 100)]

    assert found == [("b", 80)]


@given(st.lists(st.integers(0, 300), max_size=8), st.integers(0, 1_000))
def test_no_more_is_left_than_may_be_and_no_less_than_must(weights: list[int], most: int) -> None:
    some = [(webhook(str(n)), weight) for n, weight in enumerate(weights)]
    levels = {endpoint.id: left for endpoint, left in too_heavy(some, most)}
    left = sum(levels.get(endpoint.id, weight) for endpoint, weight in some)

    assert left <= max(most, 0)
    assert sum(weights) > most or not levels
    assert not levels or left > most - len(some)
