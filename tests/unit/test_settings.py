"""Settings: sources in order, everything wrong at once, the same names everywhere."""

from pathlib import Path

import pytest

from orchestra.cli.setting_table import describe
from orchestra.errors import Problem
from orchestra.settings import MODULES, Settings, SettingsInvalid, load, load_client


def findings(**given: object) -> dict[str, str]:
    """Pointer and code of what `load` finds wrong."""
    with pytest.raises(SettingsInvalid) as refused:
        load(**given)  # type: ignore[arg-type]
    return {one.pointer: one.code for one in refused.value.findings}  # type: ignore[attr-defined]


def test_without_any_source_the_defaults_hold() -> None:
    assert load(environ={}) == Settings()


def test_an_option_wins_over_a_variable_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "o.toml"
    file.write_text('port = 1\nslots_max = 2\nlog_level = "debug"\nallowed_hosts = ["a"]\n')

    settings = load(
        {"port": "3", "host": None}, {"ORCHESTRA_PORT": "2", "ORCHESTRA_SLOTS_MAX": "9"}, file
    )

    assert (settings.port, settings.slots_max, settings.log_level) == (3, 9, "debug")
    assert settings.allowed_hosts == ("a",)
    assert settings.host == "127.0.0.1"


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("port = 77")

    assert load(environ={"ORCHESTRA_CONFIG": str(tmp_path / "x.toml")}).port == 77


def test_lists_and_switches_come_as_text() -> None:
    environ = {
        "ORCHESTRA_NETWORK_ALLOW": "10.0.3.0/24:8080, 127.0.0.1:9000",
        "ORCHESTRA_ALLOW_WEAKER_DURABILITY": "true",
        "ORCHESTRA_DRAIN_S": "1.5",
    }

    settings = load(environ=environ)

    assert settings.network_allow == ("10.0.3.0/24:8080", "127.0.0.1:9000")
    assert settings.allow_weaker_durability
    assert settings.drain_s == 1.5


def test_everything_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    file = tmp_path / "o.toml"
    file.write_text('port = "8000"\nslot_max = 4\n')

    found = findings(
        options={"log_format": "yaml"},
        environ={"ORCHESTRA_AUTH_MODE": "none", "ORCHESTRA_PROT": "1", "ORCHESTRA_DRAIN_S": "x"},
        file=file,
    )

    assert found == {
        "port": "type",
        "slot_max": "unknown",
        "--log-format": "type",
        "ORCHESTRA_AUTH_MODE": "type",
        "ORCHESTRA_PROT": "unknown",
        "ORCHESTRA_DRAIN_S": "type",
    }


def test_values_that_only_together_make_sense_are_checked() -> None:
    environ = {
        "ORCHESTRA_PARTITIONS": "12",
        "ORCHESTRA_STORE_URL": "localhost",
        "ORCHESTRA_PUBLIC_URL": "ftp://x",
        "ORCHESTRA_TRUSTED_PROXIES": "10.0.0.0/99",
        "ORCHESTRA_DRAIN_NOTICE_S": "61",
    }

    found = findings(environ=environ)

    names = {"partitions", "store_url", "public_url", "trusted_proxies", "drain_notice_s"}
    assert found.keys() == names


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"port = \xff")

    assert set(findings(environ={}, file=tmp_path / "none.toml").values()) == {"unreadable"}
    assert set(findings(environ={}, file=tmp_path / "bad.toml").values()) == {"encoding"}


def test_variables_of_kubernetes_and_of_the_tests_are_not_ours() -> None:
    environ = {
        "ORCHESTRA_PORT": "tcp://10.0.0.1:8000",
        "ORCHESTRA_SERVICE_HOST": "10.0.0.1",
        "ORCHESTRA_PORT_8000_TCP_ADDR": "10.0.0.1",
        "ORCHESTRA_TEST_REDIS_URL": "redis://x",
        "ORCHESTRA_URL": "http://x",
    }

    assert load(environ=environ) == Settings()


def test_a_password_is_not_shown() -> None:
    settings = Settings(store_url="redis://:hunter2@store:6379")

    assert "hunter2" not in repr(settings)


def test_the_table_describes_every_setting() -> None:
    rows = {row.name: row for row in describe()}

    assert rows.keys() == set(Settings.__struct_fields__)
    assert rows["auth_mode"].kind == "auto|required"
    assert rows["port"].variable == "ORCHESTRA_PORT"
    assert all(row.help for row in rows.values())


def test_the_command_line_finds_its_server() -> None:
    found = load_client({"ORCHESTRA_URL": "http://there:1", "ORCHESTRA_KEY": "k"})

    assert (found.url, found.key) == ("http://there:1", "k")
    assert load_client({}).url == "http://127.0.0.1:8000"


def test_modules_are_all_unless_some_are_named() -> None:
    assert Settings().runs == MODULES
    named = load({"modules": "bus,agents", "store_url": "redis://store:6379"}, environ={})
    assert named.runs == ("agents", "bus", "monitoring")  # which each process has


def test_a_module_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load({"modules": "agnets,bus", "store_url": "redis://store:6379"}, environ={})

    [finding] = caught.value.findings
    assert isinstance(finding, Problem)
    assert (finding.pointer, finding.suggestion) == ("modules", "agents")


def test_modules_apart_need_a_store_they_share() -> None:
    with pytest.raises(SettingsInvalid, match="store_url"):
        load({"modules": "agents"}, environ={})
