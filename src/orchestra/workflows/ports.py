"""What the engine needs from outside, as narrow as it can be: a simulation has its own of each."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from orchestra.store.scripts import Argument, Script, load_scripts

STORE_SCRIPTS = load_scripts("orchestra.store")
SCRIPTS = load_scripts("orchestra.workflows")


class Partitions(Protocol):
    """The store as the engine sees it. `orchestra.store.client.Store` is one."""

    @property
    def partitions(self) -> tuple[int, ...]:
        """Tag numbers of all partitions."""
        ...

    def prefix(self, tag_number: int) -> str:
        """The key prefix of a partition."""
        ...

    def run(self, script: Script, prefix: str, /, *more: bytes, **args: Argument) -> Awaitable[Any]:
        """Run a script. Raises StoreAway (NotSent, ReplyLost) and never repeats by itself."""
        ...

    def read(self, prefix: str, /, *command: Argument | float) -> Awaitable[Any]:
        """One reading command, in the slot of `prefix`."""
        ...


class Lease(Protocol):
    """The session of this replica, kept alive by somebody else."""

    @property
    def session(self) -> str:
        """Its id; a new one after it expired."""
        ...

    def joined(self, tag: int) -> bool:
        """Whether the partition knows the session."""
        ...

    def fenced(self, tag: int) -> bool:
        """Whether the lease may be over by now: start no call, claim nothing."""
        ...


Spawn = Callable[..., None]
"""Start `function(*args)` in the background, in a task group that somebody awaits."""
