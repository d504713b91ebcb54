"""What people read of an alert: the summary of its rule, filled in."""

import re
from collections.abc import Mapping
from typing import Final

SHOWN_MAX: Final = 2_000
_NAMES: Final = r"\$\{(value|threshold|name|labels\.[a-z_][a-z0-9_]{0,31})\}"
_PART = re.compile(_NAMES)
_ANY = re.compile(r"\$\{([^}]{0,64})\}?")


def strangers(template: str) -> list[str]:
    """What stands in `${…}` and means nothing."""
    found = [match[0] for match in _ANY.finditer(template) if not _PART.fullmatch(match[0])]
    return list(dict.fromkeys(found))


def filled(template: str, told: Mapping[str, str]) -> str:
    """The template with `value`, `threshold`, `name` and `labels.<name>` in it, in one pass."""
    return _PART.sub(lambda match: told.get(match[1], ""), template)[:SHOWN_MAX]


def summary(
    template: str, name: str, labels: Mapping[str, str], value: float | None, unit: str
) -> str:
    """What an alert says of itself; without a template its name, labels and value."""
    shown = amount(value, unit)
    told = {"name": name, "value": shown} | {f"labels.{key}": text for key, text in labels.items()}
    if template:
        return filled(template, told)
    listed = ", ".join(f"{key}={text}" for key, text in sorted(labels.items()))
    return f"{name}{f' ({listed})' if listed else ''}: {shown}"[:SHOWN_MAX]


def amount(value: float | None, unit: str) -> str:
    """A value with its unit."""
    if value is None:
        return "no data"
    match unit:
        case "ratio":
            return f"{value * 100:.3g} %"
        case "seconds":
            return f"{value * 1_000:.3g} ms" if abs(value) < 1 else f"{value:.4g} s"
        case "bytes":
            return f"{value / 1_048_576:.4g} MiB"
        case "usd":
            return f"${value:.2f}"
        case "":
            return f"{value:.6g}"
        case _:
            return f"{value:.6g} {unit}"
