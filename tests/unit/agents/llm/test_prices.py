"""What calls cost: the table, its names and tiers, an agent's own price, an operator's own file."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from llm_agents import an_agent

from orchestra.agents.llm.price_table import BadTable, Rates, Table, read_table
from orchestra.agents.llm.prices import Prices, Tariff, fits
from orchestra.agents.providers import Usage
from orchestra.agents.records import LlmReach, Price
from orchestra.clock import ManualClock

OPENAI, ANTHROPIC = "https://api.openai.com/v1", "https://api.anthropic.com/v1"
MISTRAL, DEEPSEEK = "https://api.mistral.ai/v1", "https://api.deepseek.com/v1"
PROXY = "http://127.0.0.1:4000/v1"
NOBODYS = Price()


def prices(file: Path | None = None) -> Prices:
    return Prices(ManualClock(1_795_395_600_000), file)  # 2026-11-23


def tariff(base_url: str, model: str, own: Price = NOBODYS) -> Tariff | None:
    return prices().tariff(LlmReach(base_url, "chat", model), model, own)


# Computed by genai-prices 0.2.3 itself: input (of it cached, written), output (of it reasoning).
@pytest.mark.parametrize(
    ("base_url", "model", "counts", "micro_usd"),
    [
        (ANTHROPIC, "claude-2-20260801", (255778, 14180, 3715, 51093, 9952), 2_386_544),
        (PROXY, "claude-2-20260801", (1105, 7496, 456, 136, 4842), 188_744),
        (ANTHROPIC, "claude-3-5-haiku-20260801", (114705, 9495, 49869, 30120, 352), 99_862),
        (PROXY, "claude-3-5-haiku-20260801", (218199, 6091, 72935, 13107, 5155), 149_031),
        (ANTHROPIC, "claude-3-5-sonnet-20260801", (90706, 12278, 24059, 17983, 1416), 404_816),
        (PROXY, "claude-3-5-sonnet-20260801", (230143, 3536, 87000, 66640, 3188), 558_549),
        (ANTHROPIC, "claude-3-7-sonnet-20260801", (104605, 13253, 35364, 15215, 8417), 428_538),
        (PROXY, "claude-3-7-sonnet-20260801", (180264, 15044, 75732, 23152, 14905), 579_340),
        (ANTHROPIC, "claude-3-haiku-20260801", (831, 10850, 275, 276, 7506), 13_724),
        (PROXY, "claude-3-haiku-20260801", (14667, 5806, 6591, 1880, 4511), 9_568),
        (ANTHROPIC, "claude-haiku-5-5", (226991, 16133, 77517, 25443, 1710), 122_126),
        (PROXY, "claude-opus-5", (207467, 8453, 44390, 22481, 7959), 1_077_006),
        (ANTHROPIC, "claude-sonnet-5", (63859, 18695, 25200, 6846, 12558), 272_731),
        (DEEPSEEK, "deepseek-reasoner", (225074, 4456, 52178, 29537, 589), 112_156),
        (MISTRAL, "mistral-large-latest", (208334, 11179, 31935, 19943, 9508), 483_742),
        (OPENAI, "gpt-4o", (90400, 80, 26174, 10266, 47), 194_083),
        (OPENAI, "gpt-5-mini", (34982, 14291, 15332, 3565, 6530), 33_878),
        (OPENAI, "o3", (62635, 12596, 19465, 2748, 11642), 196_841),
    ],
)  # fmt: skip
def test_the_table_says_what_its_source_says(
    base_url: str, model: str, counts: tuple[int, int, int, int, int], micro_usd: int
) -> None:
    found = tariff(base_url, model)

    assert found is not None
    assert found.cost(Usage(*counts)) == micro_usd
    assert found.source == "table@2026-11-09"


@pytest.mark.parametrize(
    ("base_url", "model"), [(OPENAI, "my-own-finetune"), (PROXY, "llama-of-mine"), (ANTHROPIC, "x")]
)
def test_nobody_knows_the_price_of_a_model_that_is_in_no_table(base_url: str, model: str) -> None:
    assert tariff(base_url, model) is None
    assert prices().together(an_agent(base_url=base_url, model=model)) is None


def test_behind_a_proxy_the_name_of_the_model_decides() -> None:
    direct, proxied = tariff(OPENAI, "gpt-5-mini"), tariff(PROXY, "gpt-5-mini")

    assert direct == proxied


def test_the_agents_own_price_wins_in_whole_or_in_part() -> None:
    table = tariff(OPENAI, "gpt-5-mini")
    own = tariff(OPENAI, "gpt-5-mini", Price(1_000_000, 3_000_000))
    half = tariff(OPENAI, "gpt-5-mini", Price(input_micro_usd=0))
    unknown = tariff(PROXY, "llama-of-mine", Price(output_micro_usd=5))

    usage = Usage(1_000, 100, cached_tokens=500)
    assert table is not None
    assert own is not None
    assert half is not None
    assert unknown is not None
    assert (own.cost(usage), own.source) == (1_300, "agent")
    assert half.rates.output == table.rates.output
    assert (half.source, half.rates.input) == ("agent", 0)
    assert unknown.rates == Rates(0, 5)


def test_a_long_prompt_costs_by_its_tier_and_at_most_the_dearest() -> None:
    rates = Rates(input=(1_000_000, 100, 2_000_000), output=4_000_000, read=500_000)
    found = Tariff(rates, "table@x")

    assert found.cost(Usage(100, 10)) == 140
    assert found.cost(Usage(101, 10)) == 242
    assert found.cost(Usage(100, 0, cached_tokens=50)) == 75
    assert found.most(101, 10) == 242
    assert found.most(50, 10) >= found.cost(Usage(50, 10))


def test_prices_change_on_their_day_and_by_the_hour() -> None:
    table = {
        "source": "mine", "date": "2026-01-01",
        "sellers": [{"id": "s", "api": "https://s", "models": [
            {"id": "m", "rates": [{"in": 1, "out": 1}, {"in": 2, "out": 2, "since": "2026-11-24"},
                                  {"in": 3, "out": 3, "hours": ["23:30", "01:30"]}]}]}],
    }  # fmt: skip
    clock = ManualClock(1_795_395_600_000)  # 2026-11-23 01:00
    found = Prices(clock)
    found._table = read_table(msgspec.json.encode(table), "2026-11-23")
    reach = LlmReach("https://s/v1", "chat", "m")

    def now() -> object:
        tariff = found.tariff(reach, "m", NOBODYS)
        return tariff and tariff.rates.input

    seen = [now()]
    clock.advance(3_600_000)
    seen.append(now())
    clock.advance(24 * 3_600_000)
    seen.append(now())
    assert seen == [3, 1, 2]


def test_a_file_of_the_operators_wins_and_is_looked_at_again(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "prices.json"
    found = Prices(clock, file)
    packaged = found.table().source
    model = {"id": "m", "match": {"equals": "M"}, "prices": {"input_mtok": 1.5, "output_mtok": "2"}}
    raw = [{"id": "s", "api_pattern": "https://s", "models": [model]}]
    file.write_bytes(msgspec.json.encode(raw))

    clock.advance(30_000)
    early = found.table().source
    clock.advance(31_000)
    tariff = found.tariff(LlmReach("https://s", "chat", "m"), "m", NOBODYS)
    file.write_bytes(b"broken")
    clock.advance(61_000)
    late = found.table().source

    assert packaged == early == late == "genai-prices 0.2.3"
    assert tariff is not None
    assert tariff.rates == Rates(1_500_000, 2_000_000)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[1]", b"[{}]", b"[" * 100_000, b"\xff",
    b'[{"id": "s", "api_pattern": "x", "models": [{"id": "m", "match": {"equals": "m"},'
    b' "prices": {"input_mtok": -1}}]}]'])  # fmt: skip
def test_what_is_no_table_is_refused(body: bytes) -> None:
    with pytest.raises(BadTable):
        read_table(body, "2026-11-23")


def test_matches_are_read_as_they_are_written() -> None:
    match: Any = ["=a", "^b-", "$-c", {"and": ["~d", "~e"]}, r"/^f\d$", "/("]

    for name in ("a", "b-1", "1-c", "xdye", "f1"):
        assert fits(match, name)
    for name in ("aa", "ab-", "c", "xd", "f11", "("):
        assert not fits(match, name)


def test_the_table_is_small_and_its_licence_is_there() -> None:
    folder = Path(__file__).parents[4] / "src" / "orchestra" / "agents" / "llm"

    assert (folder / "prices.json").stat().st_size <= 300_000
    assert "MIT License" in (folder / "prices.LICENSE").read_text("utf-8")
    table = msgspec.json.decode((folder / "prices.json").read_bytes(), type=Table)
    assert sum(len(seller.models) for seller in table.sellers) > 2_000
