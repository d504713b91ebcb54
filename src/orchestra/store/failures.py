"""What a call to the store can end in, typed by what the caller may conclude.

OrchestraError
├── Unavailable                503
│   ├── StoreAway                   the store cannot be reached or does not answer
│   │   ├── NotSent                 it did not run: sending it again is always safe
│   │   └── ReplyLost               it may have run: repeat the same call to find out
│   ├── NotReplicated               it ran, and too few replicas have confirmed it
│   └── StoreFull                   refused over maxmemory, before anything was written
├── Storage                    507
│   └── StoreDiskFull               refused because the server cannot write to its disk
└── Refused                    500  any other error reply: a mistake of ours
    └── Unfit                       the store as it is configured is not one to work on
"""

from typing import ClassVar

from orchestra.errors import OrchestraError, Storage, Unavailable


class StoreAway(Unavailable):
    """The store is away. What was acknowledged is safe; try again later."""

    wait_ms: ClassVar[int] = 1_000

    def __init__(self, detail: str = "the store is away for a moment", **context: object) -> None:
        super().__init__(detail, **({"retry_after_ms": self.wait_ms} | context))

    @property
    def code(self) -> str:
        """One code for all of them: callers over HTTP can do the same about each."""
        return "store_away"

    @property
    def title(self) -> str:
        """The same title for the same reason."""
        return "Store away"


class NotSent(StoreAway):
    """The call did not run. `reason` is the server's word for it, or '' when nothing was sent."""

    def __init__(self, detail: str = "the store is not reachable", *, reason: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


class ReplyLost(StoreAway):
    """The call was sent and its reply did not come. Repeat the same call to find out."""

    def __init__(self, detail: str = "the connection to the store was lost") -> None:
        super().__init__(detail)


class NotReplicated(Unavailable):
    """Applied on the primary; fewer replicas than asked have confirmed it.

    `reply` is the call's own reply, `replicas` how many did confirm.
    """

    def __init__(self, reply: object, replicas: int) -> None:
        super().__init__(
            "recorded, but not confirmed by a replica of the store", retry_after_ms=1_000
        )
        self.reply, self.replicas = reply, replicas


class StoreFull(Unavailable):
    """The store's memory is full: new work is refused, running work goes on."""

    def __init__(self) -> None:
        super().__init__("the store's memory is full: no new work now", retry_after_ms=5_000)


class StoreDiskFull(Storage):
    """The server cannot write to its disk."""

    def __init__(self) -> None:
        super().__init__("the store cannot write to its disk", retry_after_ms=5_000)


class Refused(OrchestraError):
    """The server answered with an error that no repeat can change. `reply` is for the log only."""

    def __init__(self, reply: str) -> None:
        super().__init__("the store refused a command")
        self.reply = reply

    def __str__(self) -> str:
        return f"{self.detail}: {self.reply}"


class Unfit(OrchestraError):
    """The store must not be worked on as it is. `detail` says what to change. Ends the start."""


class NoScript(Exception):
    """The server does not know the script's hash: it did not run. Never leaves this package."""


# What the first word of an error reply says about the call: it did not run.
_DID_NOT_RUN = frozenset(
    {
        "MOVED",
        "ASK",
        "READONLY",
        "LOADING",
        "BUSY",
        "CLUSTERDOWN",
        "TRYAGAIN",
        "MASTERDOWN",
        "NOREPLICAS",
        "NOTBUSY",
    }
)
MOVED = frozenset({"MOVED", "ASK", "READONLY", "CLUSTERDOWN", "MASTERDOWN"})


def failure(reply: str) -> Exception:
    """What an error reply means. Given to the parser, which calls it for each one."""
    word = reply.partition(" ")[0]
    if word == "NOSCRIPT":
        return NoScript(reply)
    if word in _DID_NOT_RUN:
        return NotSent(f"the store is not ready: {word}", reason=word)
    if word == "OOM":
        return StoreFull()
    if word == "MISCONF":
        return StoreDiskFull()
    return Refused(reply)
