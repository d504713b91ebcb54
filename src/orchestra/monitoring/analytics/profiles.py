"""Profiles as they are kept: compact, times in ms since acceptance, with pauses taken out. Pure."""

import contextlib
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from orchestra.monitoring.analytics.critical import Span

log = structlog.get_logger(__name__)

OUTCOMES: Final[Mapping[str, str]] = {
    "completed": "D",
    "failed": "F",
    "cancelled": "C",
    "rolled_back": "L",
}
NAMES: Final = {letter: name for name, letter in OUTCOMES.items()}
DAY_MS: Final = 86_400_000
TEXT_MAX: Final = 200
_HEAD: Final = 22


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A step, or (`opens`) the beginning of one that contains others. `ended` -1: never."""

    path: str
    opens: bool
    kind: str
    state: str
    queued: int
    started: int
    ended: int
    after: tuple[int, ...]
    attempts: int = 1
    last: int = 0
    """When its last attempt began."""
    slot: int = 0
    """What that waited for a slot of its agent."""
    agent: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    micro: int = 0
    """Of its last attempt, in millionths of a USD; `priced` None: nothing was used."""
    priced: bool | None = None
    lost_ms: int = 0
    lost_tokens: int = 0
    lost_micro: int = 0
    code: str | None = None

    @property
    def span(self) -> Span:
        """Its times."""
        return Span(self.queued, self.started, None if self.ended < 0 else self.ended, self.after)

    @property
    def last_ran(self) -> int:
        """How long its last attempt took, without waiting for a slot."""
        return max(0, self.ended - max(self.last, self.started) - self.slot)


class Profile(msgspec.Struct, frozen=True, array_like=True):
    """One ended execution."""

    created_ms: int
    duration: int
    paused: int
    name: str
    version: int
    digest: str
    outcome: str
    code: str | None
    step: str | None
    input_hash: bytes
    cut: bool
    rows: tuple[Row, ...]

    @property
    def micro(self) -> int:
        """What it cost, in millionths of a USD: attempts that failed included."""
        return sum(row.micro + row.lost_micro for row in self.rows)

    @property
    def tokens(self) -> int:
        """What it used, attempts that failed included."""
        return sum(row.tokens_in + row.tokens_out + row.lost_tokens for row in self.rows)

    @property
    def unpriced(self) -> int:
        """Steps that used tokens at a price nobody knows."""
        return sum(row.priced is False for row in self.rows)

    @property
    def spans(self) -> list[Span]:
        """The times of all rows."""
        return [row.span for row in self.rows]


class Kept(msgspec.Struct, frozen=True):
    """A profile with what stands before it: whose it is, and when that ended."""

    execution: str
    ended_ms: int
    profile: Profile


_decoder = msgspec.msgpack.Decoder(Profile)
_rows = msgspec.msgpack.Decoder(list[bytes])


def profile_of(told: Mapping[str, Any]) -> Profile:
    """From what the modules beside monitoring tell of an execution."""
    begin, pauses = int(told["created_ms"]), sorted(told["pauses"])

    def at(ms: int) -> int:
        off = sum(min(ms, until) - since for since, until in pauses if since < ms)
        return max(0, ms - begin - off)

    error: Mapping[str, Any] = told["error"] or {}
    duration = at(told["ended_ms"])
    return Profile(
        created_ms=begin,
        duration=duration,
        paused=max(0, told["ended_ms"] - begin - duration),
        name=str(told["name"])[:TEXT_MAX],
        version=int(told["version"]),
        digest=str(told["digest"]),
        outcome=OUTCOMES[told["status"]],
        code=_text(error.get("code")),
        step=_text(error.get("step")),
        input_hash=bytes.fromhex(told["input_hash"]),
        cut=bool(told["cut"]),
        rows=tuple(_row(one, at) for one in told["steps"]),
    )


def _row(one: Mapping[str, Any], at: Any) -> Row:
    tokens: Sequence[int] = one.get("tokens") or (0, 0)
    return Row(
        path=str(one["path"])[:TEXT_MAX],
        opens=one["part"] == "open",
        kind=one["kind"],
        state=one["state"],
        queued=at(one["queued_ms"]),
        started=at(one["started_ms"]),
        ended=-1 if one["ended_ms"] is None else at(one["ended_ms"]),
        after=tuple(one["depends_on"]),
        attempts=one["attempts"],
        last=at(one.get("last_ms") or one["started_ms"]),
        slot=one.get("slot_ms") or 0,
        agent=_text(one.get("agent")),
        tokens_in=tokens[0],
        tokens_out=tokens[1],
        micro=one.get("cost_micro") or 0,
        priced=one.get("priced"),
        lost_ms=one.get("lost_ms") or 0,
        lost_tokens=one.get("lost_tokens") or 0,
        lost_micro=one.get("lost_micro") or 0,
        code=_text(one.get("code")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:TEXT_MAX]


def packed(execution: str, ended_ms: int, profile: Profile) -> bytes:
    """As it is stored: the id, the end, the rest. A script reads the first two."""
    head = uuid.UUID(execution.partition("_")[2]).bytes + ended_ms.to_bytes(6, "big")
    return head + msgspec.msgpack.encode(profile)


def unpacked(stored: Iterable[bytes]) -> list[Kept]:
    """The last one of each execution: one that was tried again ended twice.

    What cannot be read, such as that of another version of ours, is left out.
    """
    found: dict[bytes, Kept] = {}
    for one in stored:
        if len(one) < _HEAD:
            continue
        execution = f"exe_{uuid.UUID(bytes=one[:16])}"
        ended_ms = int.from_bytes(one[16:_HEAD], "big")
        had = found.get(one[:16])
        if had is not None and had.ended_ms > ended_ms:
            continue
        with contextlib.suppress(msgspec.DecodeError):
            found[one[:16]] = Kept(execution, ended_ms, _decoder.decode(one[_HEAD:]))
    return list(found.values())


def day_of(stored: bytes | None) -> list[bytes]:
    """The profiles of a day that was packed; none of one that cannot be read."""
    try:
        return _rows.decode(zlib.decompress(stored)) if stored else []
    except (zlib.error, msgspec.DecodeError):
        log.exception("analytics.day_unreadable", bytes=len(stored or b""))
        return []
