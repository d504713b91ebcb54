"""`orchestra prices`: what models cost, and a newer table for it. Works without a server."""

import datetime
from pathlib import Path

import click
import msgspec

from orchestra.agents.llm.price_table import BadTable, Table, Tiers, read_table
from orchestra.agents.llm.prices import FILE, Prices, find_model, in_force
from orchestra.cli.configuration import configured
from orchestra.cli.options import AS_JSON, bytes_of
from orchestra.cli.printing import console, plain, print_document, table
from orchestra.cli.problems import Failed
from orchestra.clock import SystemClock

DATA = click.option("--data", metavar="DIR", help="The data directory; as `orchestra serve`.")
CONFIG = click.option("--config", type=click.Path(path_type=Path), help="TOML file.")
ROWS_MAX = 200


@click.group()
def prices() -> None:
    """What models cost, in USD for a million tokens.

    An agent's own `price` wins over the table. A newer table is kept in the data directory, and
    a running server takes it within a minute; every replica reads its own.

    \b
    Examples:
      orchestra prices list --model gpt-5-mini
      orchestra prices update --from data.json
    """


@prices.command("list")
@click.option("--model", metavar="NAME", help="Models whose name has this in it.")
@click.option("--seller", metavar="ID", help="Only of this seller, such as openai.")
@click.option("--limit", type=click.IntRange(1, ROWS_MAX), default=50, show_default=True)
@DATA
@CONFIG
@AS_JSON
def list_prices(
    model: str | None,
    seller: str | None,
    limit: int,
    data: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """List prices that hold now.

    \b
    Examples:
      orchestra prices list --model claude-sonnet
      orchestra prices list --seller openai --json
    """
    clock = SystemClock()
    file = configured({"data": data}, config).data_path / FILE
    known = Prices(clock, file).table()
    found = rows_of(known, model, seller, clock.now_ms())
    if as_json:
        print_document({"source": known.source, "date": known.date, "items": found[:limit]})
        return
    shown = table("seller", "model", "input", "cached", "written", "output")
    for one in found[:limit]:
        shown.add_row(*(plain("–" if value is None else value) for value in one.values()))
    console().print(shown if found else "No such model: its cost is unknown.")
    if len(found) > limit:
        console().print(f"{len(found) - limit} more: --model, --seller, --limit.")
    console().print(f"{known.source}, {known.date}; USD for a million tokens, + for long prompts.")


@prices.command("update")
@click.option("--from", "source", metavar="FILE|-", required=True, help="The new table.")
@DATA
@CONFIG
def update(source: str, data: str | None, config: Path | None) -> None:
    """Take a newer table: the `data.json` of genai-prices, or one of ours.

    Nothing is fetched. It is checked, then kept in the data directory in place of the old one.

    \b
    Examples:
      orchestra prices update --from data.json
    """
    today = datetime.datetime.fromtimestamp(SystemClock().now_ms() / 1_000, datetime.UTC)
    try:
        made = read_table(bytes_of(source), today.date().isoformat())
    except BadTable as bad:
        raise Failed(str(bad)) from bad
    file = configured({"data": data}, config).data_path / FILE
    try:
        kept(file, msgspec.json.encode(made))
    except OSError as error:
        raise Failed(f"{file}: {error.strerror or 'cannot be written'}") from error
    models = sum(len(seller.models) for seller in made.sellers)
    click.echo(f"{models} models, {made.date}: {file}")


def kept(file: Path, body: bytes) -> None:
    """Write all of it or nothing: a server may be reading."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_bytes(body)
    new.replace(file)


def rows_of(
    known: Table, model: str | None, seller: str | None, now_ms: int
) -> list[dict[str, str | None]]:
    """Prices that hold now. A name that is no model's own finds what it would be charged as."""
    wanted = (model or "").lower()
    pairs = [
        (one.id, each)
        for one in known.sellers
        if seller in (None, one.id)
        for each in one.models
        if wanted in each.id.lower()
    ]
    if not pairs and model and seller is None and (match := find_model(known, "", wanted)):
        pairs = [("", match)]
    return [
        {
            "seller": owner,
            "model": each.id,
            "input": dollars(rates.input),
            "cached": dollars(rates.read),
            "written": dollars(rates.write),
            "output": dollars(rates.output),
        }
        for owner, each in pairs
        for rates in [in_force(each, now_ms)]
    ]


def dollars(tiers: Tiers | None) -> str | None:
    """The first price; `+` when long prompts cost more."""
    if tiers is None:
        return None
    first = tiers[0] if isinstance(tiers, tuple) else tiers
    text = f"{first / 1_000_000:.6f}".rstrip("0").rstrip(".")
    return f"{text} +" if isinstance(tiers, tuple) else text
