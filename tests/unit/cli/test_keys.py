import json
from pathlib import Path

from unit.cli.conftest import Run

from orchestra.store.datadir import locked


def test_a_key_is_shown_once_then_listed_then_revoked(run: Run, store_url: str) -> None:
    at = ("--store-url", store_url)

    made = run("keys", "create", "--name", "ci", "--role", "operator", *at)
    listed = run("keys", "list", "--json", *at)
    key = json.loads(listed.stdout)["items"][0]
    revoked = run("keys", "revoke", key["id"], *at)
    after = run("keys", "list", *at)

    assert made.exit_code == listed.exit_code == revoked.exit_code == 0
    text = made.stdout.strip()
    assert text.startswith("orc_live_")
    assert (key["name"], key["role"]) == ("ci", "operator")
    assert text not in listed.stdout
    assert after.stdout.strip() == "No keys."


def test_an_unknown_key_cannot_be_revoked(run: Run, store_url: str) -> None:
    result = run("keys", "revoke", "key_nobody", "--store-url", store_url)

    assert result.exit_code == 1
    assert "there is no such key" in result.stderr


def test_a_name_that_does_not_do_is_refused(run: Run, store_url: str) -> None:
    result = run("keys", "create", "--name", "a b", "--store-url", store_url)

    assert result.exit_code == 1
    assert "letters, digits" in result.stderr


def test_an_embedded_store_in_use_is_told(run: Run, tmp_path: Path) -> None:
    with locked(tmp_path / "data"):
        result = run("keys", "list", "--data", str(tmp_path / "data"))

    assert result.exit_code == 1
    assert "stop it first" in result.stderr
