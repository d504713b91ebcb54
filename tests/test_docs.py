"""What the documentation says is so: links, commands, options, targets, JSON, tables."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import doc_tables
import pytest
from click.testing import CliRunner

from orchestra.cli.root import orchestra as command_line

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.fixture(params=PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def page(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        link
        for link in _LINK.findall(without_code(page.read_text("utf-8")))
        if "://" not in link and not leads_somewhere(page, link)
    ]

    assert not broken


def test_json_is_json(page: Path) -> None:
    for text in blocks(page, "json"):
        json.loads(text)


@pytest.mark.parametrize("name", ["workflows.md", "getting-started.md"])
def test_definitions_in_the_guides_are_valid(name: str, tmp_path: Path) -> None:
    before = {"id": "sentiment", "agent_type": "text_processor", "task_type": "sentiment_analysis"}
    for number, text in enumerate(blocks(ROOT / "docs" / name, "json")):
        shown = json.loads(text)
        whole = shown if "steps" in shown else {"name": "part", "steps": [before, shown]}
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(whole), "utf-8")

        told = CliRunner().invoke(command_line, ["workflow", "validate", str(file)])

        assert told.exit_code == 0, told.output


def test_commands_and_options_exist(page: Path) -> None:
    wrong = [f"{line}: {why}" for line in command_lines(page) if (why := unknown_part(line))]

    assert not wrong, "\n".join(wrong)


def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = "\n".join([*blocks(page, "console"), *blocks(page, "sh"), *code_spans(page)])
    named = set(re.findall(r"^make ([a-z][a-z-]*)", text, re.MULTILINE))

    assert named <= targets


def test_tables_made_from_the_code_are_fresh(page: Path) -> None:
    text = page.read_text("utf-8")

    assert text == doc_tables.fresh(text), "run: make docs"


def test_the_changelog_has_a_place_for_what_is_coming() -> None:
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def blocks(page: Path, language: str) -> Iterator[str]:
    """The fenced blocks of one language."""
    return (body for kind, body in _BLOCK.findall(page.read_text("utf-8")) if kind == language)


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text))


def code_spans(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", _BLOCK.sub("", page.read_text("utf-8")))


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not anchor:
        return target.exists()
    return target.is_file() and anchor in {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_BLOCK.sub("", target.read_text("utf-8")))
    }


def command_lines(page: Path) -> Iterator[str]:
    """Every `orchestra …` that stands at the beginning of a line of a block, or in a code span."""
    text = "\n".join([*blocks(page, "console"), *blocks(page, "sh"), *code_spans(page)])
    for line in text.replace("\\\n", " ").splitlines():
        if re.match(r"\$? ?orchestra( |$)", line):
            yield line.removeprefix("$ ").strip()


def unknown_part(line: str) -> str | None:
    """What of a command line does not exist: a command, or an option of it."""
    words = shlex.split(re.split(r"\s[|>#]\s?", line)[0].replace("…", ""))[1:]
    command: click.Command = command_line
    context = click.Context(command, info_name="orchestra")
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        name = words.pop(0)
        inner = command.get_command(context, name)
        if inner is None:
            return f"no command {name!r}"
        command, context = inner, click.Context(inner, parent=context, info_name=name)
    options = {
        name for parameter in command.get_params(context) for name in option_names(parameter)
    }
    named = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    unknown = [name for name in named if name not in options]
    return f"no option {unknown[0]}" if unknown else None


def option_names(parameter: click.Parameter) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]
