"""`orchestra prices`: listing the table, and taking a newer one."""

import json
from pathlib import Path

from unit.cli.conftest import Run

PUBLIC = [
    {
        "id": "shop", "name": "Shop", "api_pattern": "https://shop\\.example",
        "models": [
            {"id": "m-1", "match": {"starts_with": "m-1"},
             "prices": {"input_mtok": {"base": 1.5, "tiers": [{"start": 10, "price": 3}]},
                        "output_mtok": 6, "web_searches_kcount": 10}},
            {"id": "pictures", "match": {"equals": "pictures"}, "prices": {"requests_kcount": 4}},
        ],
    }
]  # fmt: skip


def test_prices_are_listed_by_part_of_a_name(run: Run, tmp_path: Path) -> None:
    listed = run("prices", "list", "--seller", "openai", "--model", "gpt-5-mini", "--json",
                 "--data", str(tmp_path))  # fmt: skip
    shown = run("prices", "list", "--model", "gpt-5-mini", "--data", str(tmp_path))

    found = json.loads(listed.stdout)
    assert found["source"] == "genai-prices 0.2.3"
    assert {"seller": "openai", "model": "gpt-5-mini", "input": "0.25", "cached": "0.025",
            "written": None, "output": "2"} in found["items"]  # fmt: skip
    assert "gpt-5-mini" in shown.stdout
    assert "2026-11-09" in shown.stdout


def test_a_model_that_nobody_knows_is_said_to_be_unknown(run: Run, tmp_path: Path) -> None:
    result = run("prices", "list", "--model", "my-own", "--data", str(tmp_path))

    assert result.exit_code == 0
    assert "unknown" in result.stdout


def test_a_newer_table_is_checked_kept_and_used(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "data.json"
    source.write_text(json.dumps(PUBLIC))
    data = ("--data", str(tmp_path / "data"))

    taken = run("prices", "update", "--from", str(source), *data)
    listed = run("prices", "list", "--json", *data)
    again = run("prices", "update", "--from", str(tmp_path / "data" / "prices.json"), *data)

    assert taken.exit_code == again.exit_code == 0, taken.output
    assert taken.stdout.startswith("1 models, ")
    assert json.loads(listed.stdout)["items"] == [
        {"seller": "shop", "model": "m-1", "input": "1.5 +", "cached": None, "written": None,
         "output": "6"}
    ]  # fmt: skip


def test_what_is_no_table_changes_nothing(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('[{"id": "x"}]')

    result = run("prices", "update", "--from", str(bad), "--data", str(tmp_path))
    absent = run("prices", "update", "--from", str(tmp_path / "none"), "--data", str(tmp_path))

    assert (result.exit_code, absent.exit_code) == (1, 1)
    assert "genai-prices" in result.stderr
    assert not (tmp_path / "prices.json").exists()
