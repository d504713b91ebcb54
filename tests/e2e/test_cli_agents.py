"""Agents, secrets and plugins from the command line, against a server it started itself."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.cli.child import Child, server

ORCHESTRA = [sys.executable, "-m", "orchestra"]
VALUE = "a-value-nobody-may-see"
PLUGIN = """
from orchestra.agents import Capability, PythonAgent, PythonCapability

agent = PythonAgent(
    "greeter", "greeter", (PythonCapability(Capability("greet"), lambda task: {answer!r}),)
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "greeter.py").write_text(PLUGIN.format(answer="hello"))
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Child]:
    options = ("--plugins", str(folder), "--network-allow", "127.0.0.1")
    with server(tmp_path_factory.mktemp("cli") / "data", None, options) as child:
        yield child


class Command:
    """`orchestra …` against the server."""

    def __init__(self, served: Child) -> None:
        self.served = served

    def __call__(
        self, *arguments: str, stdin: str = "", code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [*ORCHESTRA, *arguments, "--url", self.served.url],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran


@pytest.fixture
def orchestra(served: Child) -> Command:
    return Command(served)


def test_a_secret_is_set_listed_and_removed(orchestra: Command) -> None:
    said = [
        orchestra("secret", "list").stdout,
        orchestra("secret", "set", "far", "--allow-host", "127.0.0.1", stdin=VALUE).stdout,
        orchestra("secret", "set", "far", stdin=VALUE).stdout,
        orchestra("secret", "list").stdout,
        orchestra("secret", "list", "--json").stdout,
        orchestra("secret", "remove", "far").stdout,
        orchestra("secret", "remove", "far", code=1).stderr,
        orchestra("secret", "set", "a b", stdin=VALUE, code=1).stderr,
    ]

    assert said[0].startswith("No secrets.")
    assert "${secret:far}" in said[1]
    assert "version 2" in said[2]
    assert "developer" in said[3]
    assert "secret_unknown" in said[6]
    assert "/name" in said[7]
    assert VALUE not in "".join(said)


def test_a_value_is_asked_for_on_a_terminal_and_not_shown(served: Child) -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*ORCHESTRA, "secret", "set", "typed", "--url", served.url],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        os.close(follower)
        shown = b""
        for prompt in (b"Value: ", b"Once more: "):
            while prompt not in shown:
                shown += os.read(leader, 1_024)
            os.write(leader, VALUE.encode() + b"\n")
        while b"${secret:typed}" not in shown:
            shown += os.read(leader, 1_024)
    os.close(leader)

    assert process.returncode == 0
    assert VALUE.encode() not in shown


def test_an_agent_from_registration_to_removal(orchestra: Command) -> None:
    asked = ("agent", "register", "--name", "far", "--type", "far", "--capability", "ask")
    made = orchestra(*asked, "--endpoint", "http://127.0.0.1:9/run", "--secret", "none-yet")
    told = {name: orchestra("agent", name, "far").stdout for name in ("show", "inspect")}
    orchestra("agent", "disable", "far")
    disabled = orchestra("agent", "list", "--type", "far").stdout
    nobody = orchestra("agent", "select", "far", "ask", code=1).stdout
    orchestra("agent", "enable", "far")
    checked = orchestra("agent", "check", "far", code=1).stdout
    failed = orchestra("agent", "execute", "far", "ask", "x", code=1).stderr
    orchestra("agent", "drain", "far")
    orchestra("agent", "remove", "far")
    gone = orchestra("agent", "show", "far", code=1).stderr

    assert "secret_unknown" in made.stdout
    assert "http://127.0.0.1:9/run" in told["show"]
    assert "No tasks in the last 1h." in told["inspect"]
    assert "disabled" in disabled
    assert "Nobody" in nobody
    assert "Not well" in checked
    assert "there is no secret 'none-yet'" in failed or "no_agent_available" in failed
    assert "agent_unknown" in gone


def test_a_worker_gets_its_token_once(orchestra: Command) -> None:
    asked = ("agent", "register", "--name", "worker", "--type", "work", "--capability", "do")

    first, second = orchestra(*asked), orchestra(*asked)

    assert "orc_pull_" in first.stdout
    assert "orc_pull_" not in second.stdout


def test_an_answer_is_explained_and_streamed(orchestra: Command) -> None:
    asked = ("agent", "execute", "text_processor", "sentiment_analysis", "so nice")

    explained = orchestra(*asked, "--explain").stdout
    streamed = orchestra(*asked, "--stream", "--json").stdout
    last = json.loads(streamed.splitlines()[-1])
    why = orchestra("agent", "why", last["task_id"]).stdout

    assert "least_load of 1" in explained
    assert (last["event"], last["output"]["sentiment"]) == ("result", "positive")
    assert "text_processor-builtin" in why


def test_what_is_wrong_is_told_with_what_is_known(orchestra: Command) -> None:
    nobody = orchestra("agent", "execute", "nobody", "x", code=1).stderr
    nothing = orchestra("agent", "execute", "text_processor", "x", code=1).stderr
    streamed = orchestra("agent", "execute", "text_processor", "x", "--stream", code=1).stderr
    usage = orchestra("agent", "register", code=2).stderr
    unknown = orchestra("agent", "discover", "http://127.0.0.1:9", code=1).stdout

    assert "known: data_analyzer" in nobody
    assert "known: sentiment_analysis" in nothing
    assert "known: sentiment_analysis" in streamed
    assert "name a FILE" in usage
    assert "Nothing that can be called" in unknown


def test_a_bench_measures_real_tasks(orchestra: Command) -> None:
    asked = ("agent", "bench", "text_processor", "sentiment_analysis", "--tasks", "50", "--json")

    measured = json.loads(orchestra(*asked).stdout)

    assert (measured["tasks"], measured["failed"]) == (50, 0)
    assert measured["tasks_per_second"] > 0
    assert measured["agents"] == {"text_processor-builtin": 50}


def test_a_plugin_is_served_edited_and_broken(orchestra: Command, folder: Path) -> None:
    file = folder / "greeter.py"
    ask = ("agent", "execute", "greeter", "greet", "--json")
    assert json.loads(orchestra(*ask).stdout)["output"] == "hello"
    assert "greeter.py" in orchestra("agent", "plugins").stdout

    file.write_text(PLUGIN.format(answer="good day"))
    began = time.monotonic()
    while json.loads(orchestra(*ask).stdout)["output"] != "good day":
        assert time.monotonic() - began < 120
    file.write_text("1 / 0\n")
    while "is broken" not in (told := plugins(orchestra)):
        assert time.monotonic() - began < 120

    assert 'File "greeter.py", line 1' in told
    assert str(folder) not in told
    assert json.loads(orchestra(*ask).stdout)["output"] == "good day"
    assert "broken" in orchestra("agent", "show", "greeter").stdout


def plugins(orchestra: Command) -> str:
    """What `agent plugins` says, whatever its exit code."""
    ran = subprocess.run(
        [*ORCHESTRA, "agent", "plugins", "--url", orchestra.served.url],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return ran.stdout


def test_a_new_agent_is_written_run_and_asked(orchestra: Command, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    wrote = orchestra_alone("agent", "new", "own", "--file", str(file))
    again = orchestra_alone("agent", "new", "own", "--file", str(file))
    asked = ("agent", "execute", "own", "greet", "Ann", "--json")

    with subprocess.Popen(
        [*ORCHESTRA, "agent", "run", str(file), "--url", orchestra.served.url],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "comes for tasks" in process.stderr.readline()
        began = time.monotonic()
        while "own" not in orchestra("agent", "list", "--type", "own").stdout:
            assert time.monotonic() - began < 120
        answer = json.loads(orchestra(*asked).stdout)
        process.send_signal(signal.SIGINT)
        process.wait(300)

    assert wrote.returncode == 0
    assert (again.returncode, "nothing was written" in again.stderr) == (1, True)
    assert answer["output"] == {"greeting": "Hello Ann"}
    assert process.returncode == 0


def test_a_file_without_an_agent_is_told_in_a_sentence(tmp_path: Path) -> None:
    for source, words in (
        ("x = (", "own.py:1:"),
        ("x = 1", "no variable"),
        ("import nope", "nope"),
    ):
        (tmp_path / "own.py").write_text(source)
        ran = orchestra_alone("agent", "run", str(tmp_path / "own.py"))
        assert (ran.returncode, words in ran.stderr) == (1, True), ran.stderr
        assert "Traceback" not in ran.stderr


def orchestra_alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ORCHESTRA, *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def test_a_server_with_another_master_key_does_not_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with server(data, None):
        pass
    (data / "master.key").write_text("n" * 64)

    ran = subprocess.run(
        [*ORCHESTRA, "serve", "--port", "0", "--data", str(data), "--log-format", "json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ran.returncode == 2
    assert "bring back <data>/master.key" in ran.stderr
    assert "n" * 64 not in ran.stderr


def test_a_master_key_is_changed_and_keys_and_secrets_stay(tmp_path: Path) -> None:
    data = tmp_path / "data"
    at = ("--data", str(data))
    made = orchestra_alone("keys", "create", "--role", "admin", "--json", *at)
    key = json.loads(made.stdout)["key"]
    with server(data, None) as child:
        asked = ("secret", "set", "far", "--from-file", str(data / "master.key"))
        assert orchestra_alone(*asked, "--url", child.url, "--key", key).returncode == 0
        busy = orchestra_alone("secret", "rotate", *at)
    before = (data / "master.key").read_text()

    ran = orchestra_alone("secret", "rotate", *at)
    with server(data, None) as child:
        listed = orchestra_alone("secret", "list", "--url", child.url, "--key", key)

    assert (busy.returncode, "stop it first" in busy.stderr) == (1, True)
    assert ran.stdout.startswith("Done: 1 data key is"), ran.stderr
    assert (data / "master.key").read_text() != before
    assert (data / "master.key").stat().st_mode & 0o777 == 0o600
    assert not (data / "master.key.new").exists()
    assert listed.returncode == 0, listed.stderr
    assert "far" in listed.stdout
