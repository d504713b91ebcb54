"""How the webhooks of a tenant share the bytes that may wait for them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from orchestra.bus.webhooks.records import Endpoint
from orchestra.store.keys import Tenant


def too_heavy(weights: Iterable[tuple[Endpoint, int]], most: int) -> Iterator[tuple[Endpoint, int]]:
    """Endpoints for which too much waits, each with the bytes that may stay.

    Of a tenant with more than `most` in all, the heaviest are cut to what is left for each when
    the others keep theirs: who is quiet loses nothing because somebody else is not.
    """
    of_tenants: dict[Tenant, list[tuple[Endpoint, int]]] = defaultdict(list)
    for endpoint, weight in weights:
        of_tenants[endpoint.tenant].append((endpoint, weight))
    for mine in of_tenants.values():
        level = _level([weight for _, weight in mine], most)
        yield from ((endpoint, level) for endpoint, weight in mine if weight > level)


def _level(weights: list[int], most: int) -> int:
    """Cut to this, they are no more than `most` together."""
    left, some = most, len(weights)
    for weight in sorted(weights):
        share = left // some
        if weight > share:
            return share
        left, some = left - weight, some - 1
    return most
