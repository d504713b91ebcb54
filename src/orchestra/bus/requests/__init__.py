"""Requests: asking a module that may be in another process. This page is the whole contract.

Each process has an inbox, a stream in the store that only it reads, and beats once a second: it
lives, and serves these subjects. A caller appends to the inbox of a process that serves, and the
answer comes to its own inbox. Nothing pends in the store: what is read is taken out.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from orchestra.errors import OrchestraError, TooLarge, Unavailable

T = TypeVar("T")
D = TypeVar("D")

Handler = Callable[[D], Awaitable[T]]
"""Answers a request. What it raises of our errors is raised where it was asked for."""
Send = Callable[[bytes], Awaitable[None]]
PartsHandler = Callable[[D, Send], Awaitable[None]]
"""Answers a request in parts."""
Hint = Callable[[], Iterable[str]]


class NobodyServes(Unavailable):
    """No process that lives serves this. Context: `subject`. It was handled nowhere."""


class ProviderLost(Unavailable):
    """The process that had the request is gone: it may have been handled, or still be.

    Context: `subject`; `times`, how many were lost with it.
    """


class AnswerLate(OrchestraError):
    """No answer within the time of the request. It may have been handled."""

    status = 504
    retryable = True


class RequestTooLarge(TooLarge):
    """The request or its answer is over what one message holds. Context: `limit_bytes`."""


class Process(msgspec.Struct, frozen=True):
    """A process of this installation, as it tells the others."""

    session: str
    host: str
    pid: int
    version: str
    modules: tuple[str, ...]
    started_ms: int
    subjects: tuple[str, ...] = ()
    """What it serves now; empty while it starts and when it stops."""
    hints: Mapping[str, tuple[str, ...]] = {}
    """What callers may like to know before they ask, a second old."""


class Asking(msgspec.Struct, frozen=True):
    """How a request is made."""

    repeatable: bool = False
    """It may be handled twice: it goes to another process when the one that had it is gone."""
    wait_ms: int = 0
    """How long to wait for somebody to serve it, when nobody does."""
    losses_max: int = 10
    """So many processes may be lost with it before it is given up."""
    about: Mapping[str, str] = {}
    """Names for the log where it is handled."""


ASKING: Final = Asking()


class Requests(Protocol):
    """Asking and answering. What is served in this process is asked directly."""

    async def request(
        self, subject: str, data: msgspec.Struct, reply: type[T], timeout_ms: int,
        wish: Asking = ASKING,
    ) -> T:  # fmt: skip
        """The answer of a process that serves `subject`, which may be this one.

        It may be delivered twice to the handler, and is answered once. Cancelling it cancels the
        handler. Raises NobodyServes, ProviderLost, AnswerLate, RequestTooLarge, StoreAway, and
        what the handler raises: OrchestraErrors as they are, anything else as Unavailable.
        """
        ...

    def request_parts(
        self, subject: str, data: msgspec.Struct, timeout_ms: int, wish: Asking = ASKING
    ) -> AsyncGenerator[bytes, None]:
        """The same for an answer in parts. Raises as `request`, between any two of them.

        Never repeated once a part has come. Close it to cancel what has not come yet.
        """
        ...

    def serve(
        self, subject: str, takes: type[D], handler: Handler[D, msgspec.Struct],
        concurrency: int = 64,
    ) -> None:  # fmt: skip
        """Answer requests; call it before the process is up. More than `concurrency` wait."""
        ...

    def serve_parts(
        self, subject: str, takes: type[D], handler: PartsHandler[D], concurrency: int = 64
    ) -> None:
        """Answer requests in parts."""
        ...

    def hint(self, subject: str, name: str, tell: Hint) -> None:
        """Tell callers of `subject` more with each beat."""
        ...

    def hints(self, subject: str, name: str) -> Sequence[frozenset[str]]:
        """What each process that serves `subject` tells under `name`. Never waits."""
        ...

    def served(self, subject: str) -> bool:
        """Whether some process serves it, by the last look. Never waits."""
        ...

    def processes(self) -> Sequence[Process]:
        """All that live, by the last look. Never waits."""
        ...
