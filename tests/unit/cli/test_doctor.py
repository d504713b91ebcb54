import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

from orchestra.store.datadir import locked

READY = {"status": "ready", "durability": {"requested": "fsync", "effective": "fsync"}}
Doctor = Callable[..., dict[str, dict[str, str]]]


@pytest.fixture
def doctor(run: Run, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Checks by name, and the exit code under `exit`."""
    monkeypatch.chdir(tmp_path)

    def checked(*arguments: str) -> dict[str, dict[str, str]]:
        data = () if "--data" in arguments else ("--data", str(tmp_path / "data"))
        result: Result = run("doctor", "--json", "--url", server.url, *data, *arguments)
        checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
        return {**checks, "exit": {"code": str(result.exit_code)}}

    return checked


def test_a_fit_machine_is_well(doctor: Doctor, server: FakeServer) -> None:
    server.answers("GET", "/readyz", (200, READY))

    found = doctor()

    assert found["exit"]["code"] == "0"
    for name in ("python", "packages", "valkey", "data", "lock", "fsync", "store", "server"):
        assert found[name]["level"] == "ok", found[name]
    assert "durability fsync" in found["store"]["told"]


def test_a_data_directory_others_can_read_is_doubtful(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)

    found = doctor()

    assert found["data"]["level"] == "warn"
    assert found["data"]["remedy"].startswith("chmod 700")


def test_a_data_directory_in_use_is_named_and_not_touched(doctor: Doctor, tmp_path: Path) -> None:
    with locked(tmp_path / "data"):
        found = doctor()

    assert f"in use by process {os.getpid()}" in found["lock"]["told"]
    assert found["store"]["level"] == "ok"


def test_a_file_in_place_of_the_data_directory_is_a_failure(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    found = doctor()

    assert found["data"]["level"] == "fail"
    assert found["exit"]["code"] == "1"


def test_a_store_that_does_not_answer_is_a_failure(doctor: Doctor) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = doctor("--store-url", f"redis://127.0.0.1:{probe.getsockname()[1]}/0")

    assert found["store"]["level"] == "fail"
    assert found["exit"]["code"] == "1"


def test_a_given_store_is_asked_what_it_promises(doctor: Doctor, store_url: str) -> None:
    found = doctor("--store-url", store_url)

    assert found["store"]["level"] == "ok"
    assert "durability" in found["store"]["told"]


def test_a_server_that_promises_less_than_asked_for_is_doubtful(
    doctor: Doctor, server: FakeServer
) -> None:
    weaker = {"requested": "fsync", "effective": "process"}
    server.answers("GET", "/readyz", (200, {"status": "ready", "durability": weaker}))

    assert doctor()["server"]["level"] == "warn"


def test_a_server_that_is_not_ready_is_a_failure(doctor: Doctor, server: FakeServer) -> None:
    server.answers("GET", "/readyz", (503, {"title": "Unavailable", "status": 503}))

    found = doctor()

    assert found["server"]["level"] == "fail"
    assert found["exit"]["code"] == "1"


def test_settings_that_cannot_be_used_are_a_usage_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRA_PARTITIONS", "17")

    result = run("doctor")

    assert result.exit_code == 2
    assert "must be a power of two" in result.stderr


def test_people_get_a_line_a_check_with_its_remedy(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    result = run("doctor", "--data", str(tmp_path / "data"))

    assert "FAIL  data" in result.stdout
    assert "→ choose another with --data" in result.stdout


def test_a_damaged_store_is_cut_at_its_damage_and_a_copy_is_kept(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "appendonlydir"
    folder.mkdir(parents=True)
    file = folder / "appendonly.aof.1.incr.aof"
    sound = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n" * 20
    file.write_bytes(sound + b"\0" * 300 + sound)

    result = run("doctor", "--repair-store", "--json", "--data", str(tmp_path / "data"))

    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["cut_bytes"] == 300 + len(sound)
    assert file.read_bytes() == sound
    assert Path(told["copy"]).read_bytes() == sound + b"\0" * 300 + sound


def test_a_store_in_use_is_not_repaired(run: Run, tmp_path: Path) -> None:
    with locked(tmp_path / "data"):
        result = run("doctor", "--repair-store", "--data", str(tmp_path / "data"))

    assert result.exit_code == 1
    assert f"in use by process {os.getpid()}" in result.stderr
