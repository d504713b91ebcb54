"""What a call costs: the agent's own price, else the table's; whole millionths of a USD.

The table comes with the product (`prices.json`, read when the first price is asked for); a file
of that name in the data directory wins, and is looked at again when it changed.
"""

import datetime
import re
from importlib.resources import files
from pathlib import Path
from typing import cast

import msgspec
import structlog

from orchestra.agents.llm.price_table import (
    BadTable,
    Model,
    Rates,
    Seller,
    Table,
    Tiers,
    read_table,
)
from orchestra.agents.providers import Usage
from orchestra.agents.records import Agent, LlmReach, Price
from orchestra.clock import Clock

log = structlog.get_logger(__name__)

FILE = "prices.json"
LOOK_S = 60.0
KNOWN_MAX = 1_000
MTOK = 1_000_000
_COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)$")


class Tariff(msgspec.Struct, frozen=True):
    """What one model's tokens cost at one agent, and who says so."""

    rates: Rates
    source: str

    def cost(self, usage: Usage) -> int:
        """Millionths of a USD. Cached tokens without a price of their own cost what input does."""
        rates, asked = self.rates, usage.input_tokens
        read, written = usage.cached_tokens, usage.cache_write_tokens
        thought = usage.reasoning_tokens if rates.reasoning is not None else 0
        plain = max(asked - read - written, 0) * _at(rates.input, asked)
        cached = read * _at(_first(rates.read, rates.input), asked)
        cached += written * _at(_first(rates.write, rates.input), asked)
        said = max(usage.output_tokens - thought, 0) * _at(rates.output, asked)
        said += thought * _at(rates.reasoning, asked)
        return (plain + cached + said + MTOK // 2) // MTOK

    def most(self, input_tokens: int, output_tokens: int) -> int:
        """What a call of this size costs at most, cached or not, rounded up."""
        rates = self.rates
        dear = max(_top(rates.input), _top(rates.read), _top(rates.write))
        said = max(_top(rates.output), _top(rates.reasoning))
        return -(-(input_tokens * dear + output_tokens * said) // MTOK)


class Prices:
    """Finds tariffs. `file` is where an operator's own table is, if there is one."""

    def __init__(self, clock: Clock, file: Path | None = None) -> None:
        self._clock, self._file = clock, file
        self._table: Table | None = None
        self._looked = 0.0
        self._stamp: int | None = None
        self._known: dict[tuple[str, str], Model | None] = {}

    def tariff(self, reach: LlmReach, model: str, own: Price) -> Tariff | None:
        """The price of `model` at this agent now; None when nobody knows it.

        Dated and prefixed names are found as the table says. An address that is in nobody's
        table is a proxy or a server of one's own: then the name of the model decides.
        """
        if own.input_micro_usd is not None and own.output_micro_usd is not None:
            return Tariff(Rates(own.input_micro_usd, own.output_micro_usd), "agent")
        table = self.table()
        found = self._model(table, reach.base_url, model.lower())
        if found is None:
            if own == Price():
                return None
            return Tariff(Rates(own.input_micro_usd or 0, own.output_micro_usd or 0), "agent")
        rates = in_force(found, self._clock.now_ms())
        if own != Price():
            one, other = own.input_micro_usd, own.output_micro_usd
            rates = Rates(_first(one, rates.input), _first(other, rates.output))
            return Tariff(rates, "agent")
        return Tariff(rates, f"table@{table.date}")

    def together(self, agent: Agent) -> int | None:
        """Of a million tokens in and a million out, to compare agents by; None: nobody knows."""
        reach, price = agent.spec.reach, agent.spec.price
        if not isinstance(reach, LlmReach):
            known = price.input_micro_usd is not None or price.output_micro_usd is not None
            own = (price.input_micro_usd or 0) + (price.output_micro_usd or 0)
            return own if known else 0 if agent.spec.provider == "python" else None
        tariff = self.tariff(reach, reach.model, price)
        return None if tariff is None else _at(tariff.rates.input, 0) + _at(tariff.rates.output, 0)

    def table(self) -> Table:
        """The table in use, read if it must be."""
        now = self._clock.monotonic()
        if self._table is not None and (self._file is None or now - self._looked < LOOK_S):
            return self._table
        self._looked = now
        stamp = _stamp(self._file)
        if self._table is None or stamp != self._stamp:
            self._table, self._stamp = self._read(stamp), stamp
            self._known.clear()
        return self._table

    def _read(self, stamp: int | None) -> Table:
        today = _day(self._clock.now_ms())
        if self._file is not None and stamp is not None:
            try:
                return read_table(self._file.read_bytes(), today)
            except (OSError, BadTable) as wrong:
                log.warning("prices.not_read", file=FILE, error=str(wrong)[:200])
        return read_table(files("orchestra.agents.llm").joinpath(FILE).read_bytes(), today)

    def _model(self, table: Table, base_url: str, model: str) -> Model | None:
        key = (base_url, model)
        if key not in self._known:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[key] = find_model(table, base_url, model)
        return self._known[key]


def find_model(table: Table, base_url: str, model: str) -> Model | None:
    """The entry for a model's name in lower case, at an address."""
    here = [one for one in table.sellers if _regex(f"^(?:{one.api})", base_url)]
    if not here:
        here = [one for one in table.sellers if one.match and fits(one.match, model)]
    dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", model)
    for seller in here[:1]:
        by_id = {one.id: one for one in table.sellers}
        line = [seller, *(by_id[name] for name in seller.others if name in by_id)]
        for name in dict.fromkeys((model, dashed)):
            found = next((hit for one in line if (hit := _offered(one, name))), None)
            if found is not None:
                return found
    return None


def fits(match: object, name: str) -> bool:
    """Whether a name in lower case is meant by a match of the table."""
    if isinstance(match, list):
        return any(fits(one, name) for one in cast("list[object]", match))
    if isinstance(match, dict):
        return all(fits(one, name) for one in cast("dict[str, list[object]]", match)["and"])
    text = str(match)
    kind, rest = text[:1], text[1:]
    match kind:
        case "=":
            return name == rest
        case "^":
            return name.startswith(rest)
        case "$":
            return name.endswith(rest)
        case "~":
            return rest in name
        case _:
            return _regex(rest, name)


def _offered(seller: Seller, name: str) -> Model | None:
    for one in seller.models:
        if one.id.lower() == name if one.match is None else fits(one.match, name):
            return one
    return None


def _regex(pattern: str, text: str) -> bool:
    """The patterns are the operator's, and names have at most 256 characters."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def in_force(model: Model, now_ms: int) -> Rates:
    """The last of a model's rates whose day has come and whose hour it is, else the first."""
    now = datetime.datetime.fromtimestamp(now_ms / 1_000, datetime.UTC)
    day, hour = now.date().isoformat(), now.strftime("%H:%M")
    for rates in reversed(model.rates):
        if rates.since <= day and _open(rates.hours, hour):
            return rates
    return model.rates[0]


def _open(hours: tuple[str, str] | None, hour: str) -> bool:
    if hours is None:
        return True
    start, end = hours
    return start <= hour < end if start <= end else hour >= start or hour < end


def _at(tiers: Tiers | None, asked: int) -> int:
    """The price above the last threshold that `asked` tokens of input are over."""
    if not isinstance(tiers, tuple):
        return tiers or 0
    price = tiers[0]
    for start, above in zip(tiers[1::2], tiers[2::2], strict=False):
        price = above if asked > start else price
    return price


def _top(tiers: Tiers | None) -> int:
    return max(tiers[0], *tiers[2::2], 0) if isinstance(tiers, tuple) else tiers or 0


def _first(one: Tiers | None, other: Tiers | None) -> Tiers | None:
    return other if one is None else one


def _day(now_ms: int) -> str:
    return datetime.datetime.fromtimestamp(now_ms / 1_000, datetime.UTC).date().isoformat()


def _stamp(file: Path | None) -> int | None:
    try:
        return file.stat().st_mtime_ns if file is not None else None
    except OSError:
        return None
