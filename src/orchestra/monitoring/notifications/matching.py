"""Which alerts a silence is about, and which are critical about the same."""

from collections.abc import Iterable, Mapping, Sequence

from orchestra.monitoring.notifications.records import Silence, Standing

Grave = Mapping[frozenset[tuple[str, str]], Sequence[tuple[str, str]]]
"""Labels -> the critical alerts that have just these: id, and metric of the rule."""


def graves(firing: Mapping[str, Standing] | None) -> Grave:
    """The critical ones by their labels: a tenant may have a hundred thousand that fire."""
    found: dict[frozenset[tuple[str, str]], list[tuple[str, str]]] = {}
    for name, one in (firing or {}).items():
        if one.severity == "critical":
            found.setdefault(frozenset(one.labels.items()), []).append((name, one.metric))
    return found


def silence_of(silences: Iterable[Silence], facts: Mapping[str, str], at_ms: int) -> Silence | None:
    """The one that ends last of those that are on. `facts`: labels, alertname, severity, rule."""
    on = [one for one in silences if one.active(at_ms) and is_meant(one, facts)]
    return max(on, key=lambda one: one.ends_ms, default=None)


def is_meant(silence: Silence, facts: Mapping[str, str]) -> bool:
    """Whether all of its matchers fit."""
    for one in silence.matchers:  # noqa: SIM110 -- lists ask this 400,000 times
        if not one.fits(facts.get(one.label, "")):
            return False
    return True
