"""What a call used, as agents say it and as callers see it."""

from typing import cast

from orchestra.agents.providers import Usage

TOKENS_MAX = 1 << 40
USD_MAX = 1_000_000.0
_COUNTS = (
    "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip


def usage_of(said: object) -> Usage | None:
    """What an agent says it used; None when it says nothing that can be read."""
    if not isinstance(said, dict):
        return None
    fields = cast("dict[str, object]", said)
    counts: dict[str, int] = {}
    for name in _COUNTS:
        value = fields.get(name)
        if type(value) is int and 0 <= value < TOKENS_MAX:
            counts[name] = value
    cost = fields.get("cost_usd")
    known = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost <= USD_MAX
    if not counts and not known:
        return None
    micro = round(float(cost) * 1_000_000) if known and isinstance(cost, int | float) else None
    return Usage(**counts, cost_micro_usd=micro, cost_source="agent" if known else "unknown")


def added(one: Usage | None, other: Usage | None) -> Usage | None:
    """Both together; a cost is known when either is, and names the source of the later."""
    if one is None or other is None:
        return one or other
    costs = [cost for cost in (one.cost_micro_usd, other.cost_micro_usd) if cost is not None]
    return Usage(
        **{name: getattr(one, name) + getattr(other, name) for name in _COUNTS},
        cost_micro_usd=sum(costs) if costs else None,
        cost_source=other.cost_source if other.cost_micro_usd is not None else one.cost_source,
    )


def shown_usage(usage: Usage) -> dict[str, object]:
    """Counts that are not zero beyond input and output, and the cost in dollars."""
    document: dict[str, object] = {
        name: value
        for name in _COUNTS
        if (value := getattr(usage, name)) or name in ("input_tokens", "output_tokens")
    }
    cost = usage.cost_micro_usd
    document["cost_usd"] = None if cost is None else cost / 1_000_000
    document["cost_source"] = usage.cost_source
    return document
