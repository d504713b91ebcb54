"""What this replica holds: each claimed step, and how to stop its call."""

from dataclasses import dataclass, field
from typing import Literal

import anyio

Why = Literal["", "cancel", "interrupt", "fence", "drain"]
Key = tuple[str, str]
"""Item and token."""


@dataclass(slots=True)
class Held:
    """One claimed step. `scope` is there while its agent is being called."""

    scope: anyio.CancelScope | None = None
    why: Why = ""

    def stop(self, why: Why) -> None:
        """Cancel the call, if there is one. The first reason counts."""
        if self.scope is not None and not self.why:
            self.why = why
            self.scope.cancel()


@dataclass(slots=True)
class Hands:
    """All claimed steps by partition. `slots_max` bounds them."""

    slots_max: int
    closed: bool = False
    """The replica is about to stop: nothing more is claimed."""
    held: dict[int, dict[Key, Held]] = field(default_factory=dict[int, dict[Key, Held]])
    count: int = 0
    calls: int = 0

    @property
    def free(self) -> int:
        """How many more steps may be claimed."""
        return 0 if self.closed else max(0, self.slots_max - self.count)

    def take(self, tag_number: int, key: Key) -> Held | None:
        """Note a claim. None when it is known: the same reply was seen twice."""
        mine = self.held.setdefault(tag_number, {})
        if key in mine:
            return None
        made = mine[key] = Held()
        self.count += 1
        return made

    def drop(self, tag_number: int, key: Key) -> None:
        """It is recorded, handed back, or somebody else's by now. Safe to repeat."""
        if self.held.get(tag_number, {}).pop(key, None) is not None:
            self.count -= 1

    def known(self, tag_number: int) -> int:
        """How many steps of a partition are held, by our own account."""
        return len(self.held.get(tag_number, {}))

    def stop(self, tag_number: int, what: str) -> None:
        """Stop forward calls of an execution (`eid`), of a scope in it (`eid/path`), or all of an
        execution for a pause (`eid|i`). Compensations are never stopped.
        """
        owner, _, interrupt = what.partition("|")
        execution, _, scope = owner.partition("/")
        for (item, _), held in list(self.held.get(tag_number, {}).items()):
            eid, _, path = item.split("|", 2)[2].partition("/")
            if eid != execution or path[0] in "~!":
                continue
            if not scope or path.startswith(scope + "/"):
                held.stop("interrupt" if interrupt else "cancel")

    def stop_all(self, why: Why, tag_number: int | None = None) -> None:
        """Stop every call, of one partition or of all."""
        for tag, mine in self.held.items():
            if tag_number is None or tag == tag_number:
                for held in list(mine.values()):
                    held.stop(why)
