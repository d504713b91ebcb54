"""The table of prices: what it holds, how it is read, and how one is made of public data.

The public data are those of genai-prices (MIT): a list of providers as its `data.json` has it.
`trimmed` keeps of them what a price of tokens needs; prices become integers, millionths of a USD
for a million tokens.
"""

from collections.abc import Iterator
from typing import Any, cast

import msgspec

SOURCE = "genai-prices"
FILE_MAX_BYTES = 16 * 1024 * 1024
_KEPT = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "read",
    "cache_write_mtok": "write",
    "output_reasoning_mtok": "reasoning",
}
_SHORT = {"input": "in", "output": "out"}
_CLAUSES = {"equals": "=", "starts_with": "^", "ends_with": "$", "contains": "~", "regex": "/"}

Match = object
"""`=name`, `^prefix`, `$suffix`, `~part`, `/pattern`; a list: any; {"and": […]}: all."""
Tiers = int | tuple[int, ...]
"""A price; or the first price, then pairs of a number of input tokens and the price above it."""


class BadTable(ValueError):
    """A file that is no table of prices. The text says why."""


class Rates(msgspec.Struct, frozen=True, omit_defaults=True, rename=_SHORT):
    """Prices of a million tokens, in force from a day on, or between two times of the day (UTC)."""

    input: Tiers | None = None
    output: Tiers | None = None
    read: Tiers | None = None
    write: Tiers | None = None
    reasoning: Tiers | None = None
    since: str = ""
    hours: tuple[str, str] | None = None


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model and its rates: the last of them that is in force counts, else the first."""

    id: str
    rates: tuple[Rates, ...]
    match: Match | None = None
    """Names it goes by; None: only its `id`."""


class Seller(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sells models. `api` is a pattern of its addresses; `match` tells its own models' names;
    `others` names sellers whose prices hold where it has none.
    """

    id: str
    api: str
    models: tuple[Model, ...]
    match: Match | None = None
    others: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """All of it. `date`: the newest day on which one of the prices came into force."""

    source: str
    date: str
    sellers: tuple[Seller, ...]


def read_table(body: bytes, today: str) -> Table:
    """A table of ours, or one made of the public data. Raises BadTable."""
    if len(body) > FILE_MAX_BYTES:
        raise BadTable(f"a table of prices has at most {FILE_MAX_BYTES} bytes")
    try:
        if body.lstrip()[:1] == b"[":
            return trimmed(msgspec.json.decode(body), today)
        return msgspec.json.decode(body, type=Table)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise BadTable(f"not a table of prices: {wrong}") from wrong


def trimmed(raw: object, today: str, version: str = "") -> Table:
    """What is kept of the public data. Raises BadTable."""
    try:
        sellers = tuple(_seller(one) for one in cast("list[dict[str, Any]]", raw))
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise BadTable(f"not a list of providers as genai-prices writes it: {wrong!r}") from wrong
    sellers = tuple(one for one in sellers if one.models or one.others)
    if not sellers:
        raise BadTable("no prices of tokens in it")
    days = [
        rates.since
        for seller in sellers
        for model in seller.models
        for rates in model.rates
        if rates.since <= today
    ]
    return Table(f"{SOURCE} {version}".strip(), max(days, default="") or today, sellers)


def _seller(raw: dict[str, Any]) -> Seller:
    given: list[dict[str, Any]] = raw.get("models") or []
    models = (_model(one) for one in given)
    return Seller(
        raw["id"],
        raw["api_pattern"],
        tuple(one for one in models if one is not None),
        _match(raw["model_match"]) if raw.get("model_match") else None,
        tuple(raw.get("fallback_model_providers") or ()),
    )


def _model(raw: dict[str, Any]) -> Model | None:
    prices: Any = raw.get("prices") or []
    given: list[dict[str, Any]] = (
        cast("list[dict[str, Any]]", prices) if isinstance(prices, list) else [{"prices": prices}]
    )
    rates = tuple(_rates(one) for one in given)
    if not any(one.input is not None or one.output is not None for one in rates):
        return None
    match = _match(raw["match"])
    return Model(raw["id"], rates, None if match == f"={raw['id'].lower()}" else match)


def _rates(raw: dict[str, Any]) -> Rates:
    limit: dict[str, Any] = raw.get("constraint") or {}
    hours = (_time(limit["start_time"]), _time(limit["end_time"])) if "end_time" in limit else None
    kept = {
        ours: _tiers(raw["prices"][theirs])
        for theirs, ours in _KEPT.items()
        if raw["prices"].get(theirs) is not None
    }
    return Rates(**kept, since=str(limit.get("start_date", "")), hours=hours)


def _tiers(price: Any) -> Tiers:
    if not isinstance(price, dict):
        return _micro(price)
    tiers = cast("dict[str, Any]", price)
    return (_micro(tiers["base"]), *_steps(tiers["tiers"]))


def _steps(tiers: list[dict[str, Any]]) -> Iterator[int]:
    for tier in sorted(tiers, key=lambda tier: tier["start"]):
        yield int(tier["start"])
        yield _micro(tier["price"])


def _micro(usd: Any) -> int:
    amount = round(float(usd) * 1_000_000)
    if not 0 <= amount <= 10**12:
        raise ValueError(f"a price of {usd}")
    return amount


def _time(text: Any) -> str:
    """`16:30`, of `16:30:00Z` and the like; only UTC is written there."""
    return str(text)[:5]


def _match(raw: dict[str, Any]) -> Match:
    if "or" in raw:
        return [_match(one) for one in raw["or"]]
    if "and" in raw:
        return {"and": [_match(one) for one in raw["and"]]}
    for theirs, ours in _CLAUSES.items():
        if theirs in raw:
            # A pattern is matched as it is written; names are compared in lower case.
            return ours + (raw[theirs] if ours == "/" else raw[theirs].lower())
    raise ValueError(f"no clause known in {sorted(raw)}")
