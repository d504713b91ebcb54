"""Which alerts a silence is about."""

from collections.abc import Iterable, Mapping

from orchestra.monitoring.notifications.records import Silence


def silence_of(silences: Iterable[Silence], facts: Mapping[str, str], at_ms: int) -> Silence | None:
    """The one that ends last of those that are on. `facts`: labels, alertname, severity, rule."""
    on = [one for one in silences if one.active(at_ms) and is_meant(one, facts)]
    return max(on, key=lambda one: one.ends_ms, default=None)


def is_meant(silence: Silence, facts: Mapping[str, str]) -> bool:
    """Whether all of its matchers fit."""
    return all(one.fits(facts.get(one.label, "")) for one in silence.matchers)
