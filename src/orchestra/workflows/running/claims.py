"""Claims as scripts hand them out, and what surrounds whoever works on them."""

from dataclasses import dataclass
from typing import Any, Protocol

from orchestra.agents import Agents
from orchestra.clock import Clock, Random
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.ports import Lease, Partitions, Spawn
from orchestra.workflows.running.hands import Hands
from orchestra.workflows.running.memory import Memory


@dataclass(slots=True, frozen=True)
class Claimed:
    """A claim as a script hands it out."""

    tag: int
    item: str
    token: str
    digest: str
    tenant: str

    @property
    def key(self) -> tuple[str, str]:
        """Its name in `Hands`."""
        return self.item, self.token


def claims_in(tag: int, reply: list[Any], start: int) -> list[Claimed]:
    """The claims in a reply: item, token, definition, tenant, body, again and again."""
    return [
        Claimed(tag, *(part.decode() for part in reply[i : i + 4]))
        for i in range(start, len(reply), 5)
    ]


@dataclass(slots=True)
class Around:
    """What surrounds the workers of one replica."""

    store: Partitions
    agents: Agents
    catalogue: Catalogue
    memory: Memory
    hands: Hands
    lease: Lease
    clock: Clock
    chance: Random
    spawn: Spawn


class Listener(Protocol):
    """Who hears what a worker came across."""

    def ended(self, execution: str) -> None:
        """An execution ended in a transition made here."""
        ...

    def suspect(self, tag: int) -> None:
        """A reply that may have carried claims was lost."""
        ...

    def timer_set(self, tag: int, delay_ms: int) -> None:
        """A timer was set in a partition."""
        ...
