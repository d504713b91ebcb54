"""Logging, configured once: events with facts, as JSON or for the eye, secrets masked.

`log = structlog.get_logger(__name__)`; `log.info("execution.completed", steps=4)`. What is bound
with `structlog.contextvars` (request, tenant, execution) is merged into every line. A level that
is off costs one call of an empty function.
"""

import json
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

from orchestra.settings import Settings

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
MASK = "***"
COVERED_MAX = 1_000

_SECRET_NAMES = re.compile(
    r"(^|[_-])(authorization|cookie|password|passwd|passphrase|secret|token|credentials?|pepper)$"
    r"|(^|[_-])(api|private|access|secret|master|admin|signing)[_-]?key$",
    re.IGNORECASE,
)
_SECRET_VALUES = re.compile(r"orc_(?:live|dev)_\w+|(?<=://)[^/\s@]+@|(?i:bearer\s+)\S+")


class Covered:
    """Values that no line shows, however it came to hold them: live secrets.

    One for the process, as the log itself is: whatever logs, logs through it.
    """

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._values: dict[str, frozenset[str]] = {}

    def add(self, value: str) -> None:
        """Cover it from now on. Of more than 1,000 the oldest is let go. Safe to repeat."""
        if value in self._values:
            return
        while len(self._values) >= COVERED_MAX:
            self._values.pop(next(iter(self._values)))
        ascii_only, wide = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
        self._values[value] = frozenset({value, ascii_only, wide, repr(value)[1:-1]})
        # The longest first: one may begin with another.
        forms = frozenset[str]().union(*self._values.values())
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def over(self, text: str) -> str:
        """`text` with each of the values covered."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text


COVERED = Covered()


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up logging for the life of the process; to standard error unless told otherwise."""
    target: TextIO = sys.stderr if stream is None else stream
    on_terminal = target.isatty()
    console = settings.log_format == "console" or (settings.log_format == "auto" and on_terminal)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _failure,
            mask,
            _covered(_renderer(on_terminal) if console else _json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.log_level]),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=True,
    )
    _adopt_other_loggers()


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


def _covered(render: Processor) -> Processor:
    """The last step: the finished line, without live secrets."""

    def covered(logger: Any, method: str, event: EventDict) -> str:
        return COVERED.over(cast("str", render(logger, method, event)))

    return covered


def _json(_: object, __: str, event: EventDict) -> str:
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return msgspec.json.encode({**first, **event}, enc_hook=str).decode()


def _renderer(colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colors,
        sort_keys=False,
        pad_event_to=30,
        exception_formatter=cast("Any", structlog.dev.plain_traceback),
    )
