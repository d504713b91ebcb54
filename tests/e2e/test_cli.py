"""The command line against a server it started itself: nothing is faked."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.cli.child import Child, server

ORCHESTRA = [sys.executable, "-m", "orchestra"]


def orchestra(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ORCHESTRA, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with server(tmp_path_factory.mktemp("cli") / "data", None) as child:
        yield child


def test_an_agent_answers_as_the_readme_says(served: Child) -> None:
    text = "I'm disappointed with my recent order..."
    asked = ("agent", "execute", "text_processor", "sentiment_analysis", text, "--json")

    ran = orchestra(*asked, "--url", served.url)

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["output"]["sentiment"] == "negative"


def test_the_built_in_agents_are_listed(served: Child) -> None:
    ran = orchestra("agent", "list", "--url", served.url)

    assert ran.returncode == 0, ran.stderr
    assert "text_processor" in ran.stdout
    assert "data_analyzer" in ran.stdout


def test_a_file_is_run_followed_and_found_again(served: Child, tmp_path: Path) -> None:
    steps = [
        {"agent_type": "text_processor", "task_type": "sentiment_analysis", "text": "I love it"}
    ]
    file = tmp_path / "sample.json"
    file.write_text(json.dumps({"name": "cli sample", "steps": steps}))

    ran = orchestra("workflow", "run", str(file), "--follow", "--json", "--url", served.url)
    execution = json.loads(ran.stdout)
    status = orchestra("workflow", "status", execution["id"], "--url", served.url)
    listed = orchestra("execution", "list", "--url", served.url)
    logs = orchestra("execution", "logs", execution["id"], "--url", served.url)
    again = orchestra("workflow", "run", "cli sample", "--no-wait", "--url", served.url)

    assert ran.returncode == 0, ran.stderr
    assert execution["status"] == "completed"
    assert "completed" in ran.stderr
    for told in (status, listed, logs, again):
        assert told.returncode == 0, told.stderr
    assert execution["id"] in status.stdout
    assert execution["id"] in listed.stdout
    assert "step.completed" in logs.stdout


def test_a_wrong_file_is_refused_with_its_line(served: Child, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_text('{"name": "wrong", "steps": [\n {"type": "transfrm"}\n]}')

    ran = orchestra("workflow", "run", str(file), "--url", served.url)

    assert ran.returncode == 1
    assert f"{file}:2:11: error:" in ran.stderr
    assert "did you mean transform?" in ran.stderr


def test_doctor_finds_a_running_server_well(served: Child, tmp_path: Path) -> None:
    ran = orchestra("doctor", "--json", "--data", str(tmp_path / "data"), "--url", served.url)

    checks = {check["name"]: check for check in json.loads(ran.stdout)["checks"]}
    assert ran.returncode == 0, ran.stdout
    assert checks["server"]["level"] == "ok"
    assert "durability fsync" in checks["server"]["told"]


def test_demo_handles_every_message_and_prints_a_plain_table() -> None:
    ran = orchestra("demo")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "\x1b" not in ran.stdout
    assert max(len(line) for line in ran.stdout.splitlines()) <= 80
    assert "0 failed" in ran.stdout
    assert "durability fsync" in ran.stdout


def test_demo_for_programs_is_one_document(tmp_path: Path) -> None:
    ran = orchestra("demo", "--json", "--data", str(tmp_path / "data"))

    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["totals"]["executions"] == len(document["results"]) >= 25
    assert document["totals"]["failed"] == 0
    assert {one["sentiment"] for one in document["results"]} >= {"positive", "negative"}
    assert any(one["escalated"] for one in document["results"])
    assert (tmp_path / "data" / "appendonlydir").is_dir()


def test_demo_draws_its_progress_on_a_terminal() -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*ORCHESTRA, "demo"],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    ) as process:
        os.close(follower)
        shown = b"".join(read_until_closed(leader))
    os.close(leader)

    assert process.returncode == 0
    assert b"Messages" in shown
    assert b"\x1b[" in shown


def test_demo_leaves_the_server_running_until_it_is_interrupted(tmp_path: Path) -> None:
    asked = [*ORCHESTRA, "demo", "--serve", "--data", str(tmp_path / "data")]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            if "still running at" in line:
                url = line.split("at ")[1].split()[0]
                break
        listed = orchestra("execution", "list", "--json", "--limit", "200", "--url", url)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        ended = process.wait(300)
    after = orchestra("execution", "list", "--url", url)

    assert len(json.loads(listed.stdout)["items"]) >= 25
    assert ended == 0
    assert after.returncode == 1
    assert "nothing listens" in after.stderr


def test_version_costs_no_more_than_30_ms_of_cpu_beside_python_itself() -> None:
    def cpu_ms(*command: str) -> float:
        used: list[float] = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(used) * 1_000

    bare = cpu_ms(sys.executable, "-c", "pass")
    version = cpu_ms(*ORCHESTRA, "--version")

    assert version - bare <= 30


def read_until_closed(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(descriptor, 65_536)
        except OSError:  # Linux says EIO when the other side of a terminal is gone.
            return
        if not data:
            return
        yield data


def test_a_demo_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*ORCHESTRA, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if b"Ready at" in line)
        process.terminate()
        process.communicate(timeout=300)

    assert process.returncode == 1
    assert not list(tmp_path.iterdir())
    url = ready.decode().split("Ready at ")[1].split()[0]
    assert "nothing listens" in orchestra("agent", "list", "--url", url).stderr


def test_a_data_directory_that_cannot_be_made_is_told() -> None:
    ran = orchestra("demo", "--data", "/proc/nowhere")

    assert ran.returncode == 1
    assert "cannot be made" in ran.stderr
    assert "Traceback" not in ran.stderr
