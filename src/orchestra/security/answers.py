"""What an outgoing request may take, and how it may end. `outbound` has them for its callers."""

import msgspec

from orchestra.errors import Invalid, OrchestraError


class DestinationNotAllowed(Invalid):
    """The URL must not be called. One text for every cause: nobody maps our network with it."""


class NotReached(OrchestraError):
    """Nothing was sent: the connection did not come about."""


class AnswerLost(OrchestraError):
    """The request was sent, or a part of it, and the answer did not come whole."""


class AnswerEncoded(AnswerLost):
    """The body is compressed. That was not asked for, and nothing of it is unpacked."""


class AnswerTooLarge(OrchestraError):
    """The answer is over the limit."""


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds: for everything; until the head of the answer; between two parts of its body.

    None is as long as `total_s`, which includes what the caller does with the parts.
    """

    total_s: float
    first_s: float | None = None
    idle_s: float | None = None


class Reply(msgspec.Struct, frozen=True):
    """An answer, read whole. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
