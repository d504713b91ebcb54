"""How long what an agent said about itself holds."""

import re

DEFAULT_S = 300.0
LEAST_S = 1.0
MOST_S = 86_400.0
_MAX_AGE = re.compile(r"(?:^|[\s,])(s-maxage|max-age)\s*=\s*\"?(\d{1,10})")


def fresh_s(cache_control: str) -> float:
    """Seconds from a `Cache-Control`: its `max-age`, else 5 minutes (RFC 9111, section 5.2.2).

    What must not be kept at all is kept for a second: a crowd of calls asks once.
    """
    said = cache_control.lower()
    if "no-store" in said or "no-cache" in said:
        return LEAST_S
    found = {name: int(seconds) for name, seconds in _MAX_AGE.findall(said)}
    return bounded_s(found.get("max-age"))


def bounded_s(seconds: float | None) -> float:
    """As said, within a second and a day; 5 minutes when nothing was said."""
    return DEFAULT_S if seconds is None else min(max(seconds, LEAST_S), MOST_S)
