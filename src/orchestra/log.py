"""Logging, configured once: events with facts, as JSON or for the eye, secrets masked.

`log = structlog.get_logger(__name__)`; `log.info("execution.completed", steps=4)`. What is bound
with `structlog.contextvars` (request, tenant, execution) is merged into every line. A level that
is off costs one call of an empty function.
"""

import logging
import re
import sys
import traceback
from functools import lru_cache
from types import TracebackType
from typing import Any, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from orchestra import tracing
from orchestra.covering import MASK, Covered
from orchestra.settings import Settings
from orchestra.tap import Tap

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
FIRST = ("ts", "level", "event")
"""A line begins with these: whoever reads lines by the million finds them without decoding."""

_SECRET_NAMES = re.compile(
    r"(^|[_-])(authorization|cookie|password|passwd|passphrase|secret|token|credentials?|pepper)$"
    r"|(^|[_-])(api|private|access|secret|master|admin|signing)[_-]?key$",
    re.IGNORECASE,
)
_SECRET_VALUES = re.compile(r"orc_(?:live|dev)_\w+|(?<=://)[^/\s@]+@|(?i:bearer\s+)\S+")


COVERED = Covered()
TAP, EXPORTED = Tap(), Tap()
"""One of each for the process, as the log itself is: whatever logs, logs through them. Lines go
to our own store by the one, and to a collector of OpenTelemetry by the other.
"""


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up logging for the life of the process; to standard error unless told otherwise."""
    target: TextIO = sys.stderr if stream is None else stream
    on_terminal = target.isatty()
    console = settings.log_format == "console" or (settings.log_format == "auto" and on_terminal)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _traced,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True, key="ts"),
            _failure,
            mask,
            _written(_renderer(on_terminal) if console else None),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.log_level]),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=True,
    )
    _adopt_other_loggers()


def _traced(_: object, __: str, event: EventDict) -> EventDict:
    """Whose trace it belongs to."""
    trace = tracing.current()
    if trace is not None and "trace_id" not in event:
        event["trace_id"] = trace.trace_id
        if trace.span_id:
            event["span_id"] = trace.span_id
    return event


def mask(_: object, __: str, event: EventDict) -> EventDict:
    """Cover what looks like a secret, by the name of the field or by the shape of the value."""
    for name, value in event.items():
        if _is_secret(name):
            event[name] = MASK
        elif isinstance(value, str):
            if "orc_" in value or "@" in value or "earer" in value:
                event[name] = _SECRET_VALUES.sub(MASK, value)
        elif isinstance(value, dict | list | tuple):
            event[name] = _masked(cast("object", value))
    return event


def covered(text: str) -> str:
    """A text without what looks like a secret, and without live ones."""
    if "orc_" in text or "@" in text or "earer" in text:
        text = _SECRET_VALUES.sub(MASK, text)
    return COVERED.over(text)


def may_show(raw: bytes) -> bool:
    """Whether there may be something in it to be covered: asked once of much."""
    return b"orc_" in raw or b"@" in raw or b"earer" in raw or COVERED.shows(raw)


class Adopted(logging.Handler):
    """Warnings and worse of libraries that use the standard library's logging, as our events."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on. The text is the library's; its arguments are masked like ours."""
        failed = record.exc_info[1] if record.exc_info else None
        structlog.get_logger(record.name).log(
            record.levelno,
            "library.message_logged",
            logger=record.name,
            text=record.getMessage(),
            exc_info=failed,
        )


def _adopt_other_loggers() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, Adopted) for handler in root.handlers):
        root.addHandler(Adopted(level=logging.WARNING))
    root.setLevel(logging.WARNING)


@lru_cache(maxsize=1_024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def _masked(value: object, depth: int = 4) -> object:
    if depth == 0:
        return "..."
    match value:
        case dict():
            return {
                name: MASK if _is_secret(str(name)) else _masked(inner, depth - 1)
                for name, inner in cast("dict[object, object]", value).items()
            }
        case list() | tuple():
            return [_masked(inner, depth - 1) for inner in cast("list[object]", value)]
        case str():
            return _SECRET_VALUES.sub(MASK, value)
        case _:
            return value


def _failure(_: object, __: str, event: EventDict) -> EventDict:
    """`exc_info` as text: frames and the error, without the values of variables."""
    given: object = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = cast("tuple[type, BaseException, TracebackType]", given)[1]
    if isinstance(given, BaseException):
        event["exception"] = "".join(traceback.format_exception(given)).rstrip()
    return event


def _written(render: Processor | None) -> Processor:
    """The last step: the finished line, without live secrets; as JSON unless `render` is given."""

    def written(logger: Any, method: str, event: EventDict) -> str:
        line = b""
        if render is None or TAP.open or EXPORTED.open:
            line = COVERED.over_line(_json(event))
        for tap in (TAP, EXPORTED):
            if tap.open:
                tap.put(str(event["level"]), str(event.get("tenant", "")), line)
        if render is None:
            return line.decode()
        event["timestamp"] = event.pop("ts")
        return COVERED.over(cast("str", render(logger, method, event)))

    return written


def _json(event: EventDict) -> bytes:
    first = {name: event[name] for name in FIRST if name in event}
    if TAP.replica:
        event["replica"] = TAP.replica
    try:
        return msgspec.json.encode({**first, **event}, enc_hook=str)
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError):
        # Half a surrogate, an integer beyond 64 bits, a key that is no text: a line all the same.
        told = {name: _encodable(repr(event[name])) for name in event if name not in FIRST}
        return msgspec.json.encode({**first, **told})


def _encodable(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode()


def _renderer(colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colors,
        sort_keys=False,
        pad_event_to=30,
        exception_formatter=cast("Any", structlog.dev.plain_traceback),
    )
