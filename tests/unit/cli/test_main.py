import subprocess
import sys

from unit.cli.conftest import Run

from orchestra.cli.agent import PAGES


def test_version_is_printed_without_importing_click() -> None:
    code = "import sys; sys.argv[1:] = ['--version']; from orchestra.cli import main; main(); "
    code += "assert 'click' not in sys.modules and 'http' not in sys.modules"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert ran.stdout.startswith(b"orchestra ")


def test_help_names_every_command_and_the_exit_codes(run: Run) -> None:
    result = run("--help")

    assert result.exit_code == 0
    for command in ("serve", "demo", "workflow", "execution", "agent", "doctor"):
        assert f"  {command} " in result.stdout
    assert "Exit codes: 0 done, 1 failed, 2 not understood" in result.stdout


def test_every_command_has_examples_in_its_help(run: Run) -> None:
    groups = {
        "workflow": ("validate", "run", "list", "status"),
        "execution": ("list", "status", "logs", "pause", "resume", "cancel", "rollback", "retry"),
        "agent": tuple(PAGES),
        "secret": ("set", "list", "remove", "rotate"),
        "keys": ("create", "list", "revoke"),
        "webhook": ("add", "list", "test", "deliveries", "redeliver", "replay", "rotate"),
        "hook": ("add", "list", "show", "rotate", "remove"),
    }
    paths = [(group, name) for group, names in groups.items() for name in names]

    for path in [*paths, ("serve",), ("demo",), ("doctor",)]:
        result = run(*path, "--help")
        assert result.exit_code == 0, path
        assert "Examples:" in result.stdout, path


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    assert run("sing").exit_code == 2
