"""How many of our own outgoing requests lie behind what is done now: a bound on loops.

Every outgoing request carries `Orchestra-Hop`, one more than what it is made for came with. Where
the work goes on in another task or replica, its record carries the count, and `come` sets it.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

from orchestra.errors import BadRequest, OrchestraError

FIELD: Final = b"orchestra-hop"
HOPS_MAX: Final = 8

_hop: ContextVar[int] = ContextVar("hop", default=0)


class LoopDetected(OrchestraError):
    """An agent called us, we called it, and so on: the request was passed on too often."""

    status = 508


class HopMalformed(BadRequest):
    """`Orchestra-Hop` is not one whole number."""


def arrived(values: Sequence[bytes]) -> int:
    """The count in a request's `Orchestra-Hop` fields; 0 without. Raises LoopDetected."""
    if not values:
        return 0
    [value, *more] = values
    if more or not value.isdigit() or len(value) > 3:
        raise HopMalformed("Orchestra-Hop is one whole number")
    if int(value) >= HOPS_MAX:
        raise LoopDetected(f"passed on {HOPS_MAX} times", hops_max=HOPS_MAX)
    return int(value)


def come(hop: int) -> None:
    """What this task, and those it starts, do from now on came through so many hops."""
    _hop.set(hop)


def come_so_far() -> int:
    """Hops behind what is done now."""
    return _hop.get()
