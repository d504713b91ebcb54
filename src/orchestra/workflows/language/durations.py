"""Durations as people write them: `"500ms"`, `"1h30m"`, `"7d"`. Milliseconds everywhere else."""

import re
from typing import Final

PATTERN: Final = r"([0-9]{1,12}(\.[0-9]{1,9})?(ms|s|m|h|d)){1,8}"

_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WHOLE: Final = re.compile(PATTERN)
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_LOOSE: Final = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)\s*")
_WORDS: Final = {
    "ms": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
}


def parsed_ms(text: object) -> int | None:
    """Milliseconds of `"1h30m"`; None when it is no duration, as a number without a unit."""
    if type(text) is not str or not _WHOLE.fullmatch(text):
        return None
    return round(sum(float(count) * _UNITS_MS[unit] for count, unit in _PART.findall(text)))


def duration_ms(text: str) -> int:
    """Milliseconds of a duration that has been checked."""
    known = parsed_ms(text)
    assert known is not None, text
    return known


def repaired(value: object) -> str | None:
    """What was probably meant by `30`, `"30"`, `"5 minutes"`; None when there is no telling.

    A number without a unit is taken as seconds below 1,000 and as milliseconds from there on.
    """
    if type(value) in (int, float):
        value = f"{value:g}" if type(value) is float else str(value)
    found = _LOOSE.fullmatch(value) if type(value) is str else None
    if found is None:
        return None
    count, word = found.group(1), found.group(2).lower()
    if not word:
        word = "s" if float(count) < 1_000 else "ms"
    units = [unit for unit, names in _WORDS.items() if word in names]
    made = f"{count}{units[0]}" if units else None
    return made if parsed_ms(made) is not None else None


def shown(ms: int) -> str:
    """The shortest way to write `ms`: 90_000 is `1m30s`."""
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, ms = divmod(ms, _UNITS_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0ms"
