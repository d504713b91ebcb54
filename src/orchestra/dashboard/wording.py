"""Figures in words: durations, sizes, counts, states. Pure."""

import re
from datetime import datetime
from typing import Any, Final, cast

import msgspec

CUT_BYTES: Final = 16 * 1024
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
# state -> colour, icon. Colour alone tells nobody anything: the word stands beside it.
STATES: Final[dict[str, tuple[str, str]]] = {
    **dict.fromkeys(("pending", "waiting", "ready", "unknown", "no_data"), ("slate", "ring")),
    **dict.fromkeys(("running", "delivering"), ("cyan", "arc")),
    **dict.fromkeys(
        (
            "retrying",
            "degraded",
            "stale",
            "warning",
            "misconfigured",
            "half_open",
            "failing",
            "lost",
        ),
        ("amber", "loop"),
    ),
    **dict.fromkeys(("paused", "draining", "held"), ("violet", "bars")),
    **dict.fromkeys(("recovering", "info", "acknowledged"), ("blue", "half")),
    **dict.fromkeys(
        ("completed", "healthy", "ok", "active", "delivered", "closed", "enabled", "resolved"),
        ("green", "tick"),
    ),
    **dict.fromkeys(
        ("failed", "unhealthy", "firing", "critical", "error", "open", "exhausted"),
        ("red", "cross"),
    ),
    "cancelled": ("orange", "barred"),
    **dict.fromkeys(("rolling_back", "rolled_back", "compensated"), ("magenta", "back")),
    **dict.fromkeys(
        ("skipped", "offline", "disabled", "archived", "debug", "silenced", "stopped"),
        ("faint", "dash"),
    ),
}


def tone(state: object) -> str:
    """The colour of a state."""
    return STATES.get(str(state), ("slate", "ring"))[0]


def icon(state: object) -> str:
    """The icon of a state."""
    return STATES.get(str(state), ("slate", "ring"))[1]


def words(state: object) -> str:
    """A state as it is read: `rolled_back` is "rolled back"."""
    return str(state).replace("_", " ")


def duration(ms: float | None) -> str:
    """`812 ms`, `1.8 s`, `2 m 05 s`, `3 h 12 m`, `4 d 2 h`; a dash for what is not known."""
    if ms is None:
        return "–"
    if ms < 1_000:
        return f"{ms:.0f} ms" if ms >= 10 or ms == int(ms) else f"{ms:.1f} ms"
    seconds = ms / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def count(number: float | None) -> str:
    """`12`, `1,234`, `12.3 k`, `4.5 M`; a dash for what is not known."""
    if number is None:
        return "–"
    if number != int(number) and abs(number) < 1_000:
        return f"{number:.2f}".rstrip("0").rstrip(".")
    if abs(number) < 10_000:
        return f"{int(number):,}"
    for limit, unit in ((1e6, "k"), (1e9, "M"), (1e12, "G")):
        if abs(number) < limit:
            return f"{number / limit * 1_000:.1f} {unit}"
    return f"{number:.3g}"


def size(bytes_: float | None) -> str:
    """`812 B`, `1.2 KiB`, `3.4 MiB`; a dash for what is not known."""
    if bytes_ is None:
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if bytes_ < 1_024 or unit == "GiB":
            return f"{bytes_:.0f} {unit}" if unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1_024
    raise AssertionError


def percent(share: float | None) -> str:
    """`98.5 %`; a dash for what is not known."""
    if share is None:
        return "–"
    text = f"{share * 100:.1f}"
    return f"{text.removesuffix('.0')} %"


def change(now: float | None, before: float | None) -> float | None:
    """By what share a figure moved; None where there is nothing to compare with."""
    return None if not before or now is None else (now - before) / before


def clock(instant: object) -> str:
    """The time of day of an instant, in UTC, until a script makes it local."""
    return str(instant)[11:19] if instant else "–"


def day(instant: object) -> str:
    """Day and time of an instant, in UTC."""
    text = str(instant or "")
    return f"{text[:10]} {text[11:19]}" if text else "–"


def at_ms(instant: object) -> float:
    """Milliseconds since 1970 of an RFC 3339 instant; 0 for none."""
    try:
        return datetime.fromisoformat(str(instant)).timestamp() * 1_000
    except ValueError:
        return 0.0


def visible(text: object) -> str:
    """Text whose control and direction marks can be seen, so that they turn nothing round."""
    shown = str(text)
    if shown.isascii() and shown.isprintable():
        return shown
    return _INVISIBLE.sub(lambda found: f"\u27e8U+{ord(found.group()):04X}\u27e9", shown)


def brief(text: object, most: int = 200) -> str:
    """A text that fits a line."""
    shown = visible(text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def pretty(value: object) -> str:
    """JSON to read, cut at 16 KiB."""
    raw = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    shown = visible(raw[: CUT_BYTES + 1])
    return (
        shown if len(raw) <= CUT_BYTES else f"{shown[:CUT_BYTES]}\n… cut here: {len(raw):,} in all"
    )


def is_cut(value: object) -> bool:
    """Whether the interface left a value out because of its size."""
    return isinstance(value, dict) and cast("dict[str, Any]", value).get("$truncated") is True
