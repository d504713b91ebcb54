"""What one process says to another: msgpack around bodies that are JSON, as tasks and outputs are.

An id is the caller's number of a request; sent again, a request gets a new one, so that a late
answer to the old one finds nobody. Unknown fields are ignored: an older replica reads a newer one.
"""

from typing import Final, TypeAlias

import msgspec

from orchestra.bus.requests.refusals import Refusal

BYTES_MAX: Final = 16 * 1024 * 1024
"""Of one body. A task and its output are far below."""


class _Message(msgspec.Struct, frozen=True, tag_field="k", omit_defaults=True):
    pass


class Ask(_Message, frozen=True, tag="ask"):
    """Do this and answer to the inbox of `caller`. `many`: in parts, as they come."""

    id: int
    caller: str
    subject: str
    left_ms: int
    body: bytes
    many: bool = False
    about: dict[str, str] = {}
    """Names for the log: request, tenant, execution, step."""


class Answer(_Message, frozen=True, tag="answer"):
    """It is done."""

    id: int
    body: bytes = b""


class Part(_Message, frozen=True, tag="part"):
    """A part of an answer; `n` counts from 0."""

    id: int
    n: int
    body: bytes


class Refused(_Message, frozen=True, tag="refused"):
    """It was not done, for this reason."""

    id: int
    why: Refusal


class Cancel(_Message, frozen=True, tag="cancel"):
    """Nobody waits for these any more."""

    caller: str
    ids: tuple[int, ...]


class Still(_Message, frozen=True, tag="still"):
    """Do you know of these? Comes behind the requests themselves."""

    caller: str
    ids: tuple[int, ...]


class Lost(_Message, frozen=True, tag="lost"):
    """These are not known here. Comes behind the answers that were given."""

    ids: tuple[int, ...]


Message: TypeAlias = Ask | Answer | Part | Refused | Cancel | Still | Lost

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Message).decode
