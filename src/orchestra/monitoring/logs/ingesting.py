"""Ingesting: lines of other programs, beside ours. All of them are kept before the answer, or none.

A line is an object. `ts`, `timestamp` or `time` says when, `level`, `severity` or `lvl` how bad,
`event`, `message` or `msg` what; the rest stays as it is. Secrets are masked as in our own lines.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import anyio.to_thread
import msgspec

from orchestra.clock import Clock
from orchestra.errors import Invalid, OrchestraError, Problem
from orchestra.log import COVERED, mask
from orchestra.monitoring.logs.chunks import packed
from orchestra.monitoring.logs.lines import NAMES, RANK_OF, moment_us
from orchestra.monitoring.logs.sealing import seal
from orchestra.monitoring.logs.shelf import Shelf
from orchestra.problems import BodyTooLarge
from orchestra.security import hardened
from orchestra.store.keys import Tenant
from orchestra.tap import cut

LINES_MAX: Final = 1_000
BACK_MS: Final = 604_800_000
AHEAD_MS: Final = 300_000
NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_TIMES, _LEVELS = ("ts", "timestamp", "time"), ("level", "severity", "lvl")
_EVENTS = ("event", "message", "msg")
_OURS: Final = frozenset({"tenant", "replica", "origin", "ts_sent", "cut_bytes"})


class LogLineInvalid(Invalid):
    """Lines that are none. Nothing of what was sent is kept."""


class LogLinesTooMany(BodyTooLarge):
    """More than 1,000 lines at once. Context: `lines_max`."""


class Ingesting:
    """Takes lines in."""

    def __init__(self, shelf: Shelf, clock: Clock) -> None:
        self._shelf, self._clock = shelf, clock

    async def ingest(self, tenant: Tenant, body: bytes, content_type: str) -> int:
        """Keep the lines of a body: how many. Raises what refuses them, and as `Store.run`."""
        self._shelf.store.admit()
        now_ms = self._clock.now_ms()
        lines = await anyio.to_thread.run_sync(_read, body, content_type, tenant, now_ms)
        if lines:
            batch = await anyio.to_thread.run_sync(packed, lines)
            if await self._shelf.append(tenant, batch, len(lines)):
                await seal(self._shelf, tenant)
        return len(lines)


def _read(body: bytes, content_type: str, tenant: Tenant, now_ms: int) -> list[bytes]:
    media_type = content_type.lower().partition(";")[0].strip()
    given = _split(body) if media_type in NDJSON else _listed(hardened.loads(body, content_type))
    findings: list[Problem] = []
    lines: list[bytes] = []
    told: dict[int, int] = {}
    for number, one in enumerate(given):
        if isinstance(one, Problem):
            findings.append(one)
        elif not isinstance(one, dict):
            findings.append(Problem(f"/{number}", "not_an_object", "a line is a JSON object"))
        else:
            line = cast("dict[str, Any]", one)
            sent = _first(line, _TIMES)
            us = _believed(sent, now_ms)
            at_us = now_ms * 1_000 if us is None else us
            # Lines of one instant keep their order: each is a microsecond behind the one before.
            told[at_us] = told.get(at_us, -1) + 1
            stamp = moment_us(at_us + told[at_us]) + "Z"
            unbelieved = str(sent)[:64] if us is None and sent is not None else None
            lines.append(_line(line, stamp, unbelieved, tenant))
    if findings:
        raise LogLineInvalid("not every line can be kept", findings[:100])
    return lines


def _split(body: bytes) -> list[object]:
    """The lines of NDJSON; a Problem in place of one that is no JSON."""
    if len(body) > hardened.BODY_MAX_BYTES:
        raise BodyTooLarge("the body is too long", limit_bytes=hardened.BODY_MAX_BYTES)
    raw = [one for one in body.split(b"\n") if one.strip()]
    _check_count(len(raw))
    found: list[object] = []
    for number, one in enumerate(raw):
        try:
            found.append(hardened.loads(one))
        except OrchestraError as refused:
            found.append(Problem(f"/{number}", refused.code, refused.detail))
    return found


def _listed(value: object) -> list[object]:
    """The lines of `{"logs": […]}`, or of a list."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        value = members.get("logs") if members.keys() == {"logs"} else None
    if not isinstance(value, list):
        finding = Problem("/logs", "missing", 'send {"logs": [{…}, …]}, or a line of JSON each')
        raise LogLineInvalid("there are no lines", [finding])
    found = cast("list[object]", value)
    _check_count(len(found))
    return found


def _check_count(count: int) -> None:
    if count > LINES_MAX:
        raise LogLinesTooMany(f"at most {LINES_MAX} lines at once", lines_max=LINES_MAX)


def _line(given: dict[str, Any], stamp: str, sent: str | None, tenant: Tenant) -> bytes:
    """A line as it is kept."""
    rank = RANK_OF.get(str(_first(given, _LEVELS) or "").lower(), 1)
    event = _first(given, _EVENTS)
    made: dict[str, Any] = {
        "ts": stamp,
        "level": NAMES[rank],
        "event": event if isinstance(event, str) else "log.received",
    }
    named = {*_TIMES, *_LEVELS, *(name for name in _EVENTS if given.get(name) is event), *_OURS}
    made |= {name: value for name, value in given.items() if name not in named}
    if sent is not None:
        made["ts_sent"] = sent
    made |= {"tenant": tenant, "origin": "api"}
    masked = mask(None, "", made)
    return cut(COVERED.over_line(msgspec.json.encode(masked)))


def _first(given: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((given[name] for name in names if given.get(name) is not None), None)


def _believed(sent: object, now_ms: int) -> int | None:
    """When it was, in microseconds; None when it was not said, or cannot be."""
    us = None if sent is None else _microseconds(sent)
    if us is None or not now_ms - BACK_MS <= us // 1_000 <= now_ms + AHEAD_MS:
        return None
    return us


def _microseconds(sent: object) -> int | None:
    """RFC 3339, or a number of seconds or milliseconds since 1970."""
    if isinstance(sent, str):
        try:
            at = datetime.fromisoformat(sent)
            known = at if at.tzinfo else at.replace(tzinfo=UTC)
            return round((known - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
        except (ValueError, OverflowError):
            return None
    if isinstance(sent, int | float) and not isinstance(sent, bool) and abs(sent) < 1e15:
        return round(sent * (1_000_000 if abs(sent) < 1e11 else 1_000))
    return None
