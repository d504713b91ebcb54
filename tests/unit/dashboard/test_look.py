"""What holds for every template, style and script: contrast and the policy."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static").glob("*.js"))
STYLE = (ROOT / "static" / "app.css").read_text("utf-8")
TOKENS = dict(re.findall(r"--([a-z]+(?:-[a-z0-9]+)?): (#[0-9A-F]{6})", STYLE))
GROUNDS = ("bg-0", "bg-1", "bg-2", "bg-3")
TEXTS = (
    "fg-0", "fg-1", "fg-2", "cyan", "magenta", "violet", "blue", "green", "amber", "red", "orange",
    "slate",
)  # fmt: skip
STYLE_MAX_BYTES = 32 * 1024


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def tinted(colour: str, ground: str, share: float = 0.16) -> str:
    mixed = [
        round(int(colour[i : i + 2], 16) * share + int(ground[i : i + 2], 16) * (1 - share))
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02X}" for part in mixed)


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_readable_on_every_ground(text: str) -> None:
    for ground in GROUNDS:
        assert contrast(TOKENS[text], TOKENS[ground]) >= 4.5, ground


@pytest.mark.parametrize("colour", TEXTS[2:])
def test_badges_are_readable_on_their_tint(colour: str) -> None:
    for ground in GROUNDS[:3]:
        assert contrast(TOKENS[colour], tinted(TOKENS[colour], TOKENS[ground])) >= 4.5, ground


def test_borders_of_controls_and_edges_can_be_seen() -> None:
    for ground in GROUNDS:
        assert contrast(TOKENS["line-strong"], TOKENS[ground]) >= 3, ground
    assert contrast(TOKENS["ink"], TOKENS["cyan"]) >= 7


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_keeps_the_policy(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text
    markup = re.sub(r"{%.*?%}", "", re.sub(r"{{.*?}}", "X", text))

    for tag in re.findall(r"<[a-z][^>]*>", markup):
        assert not re.search(r"\sstyle\s*=|\son[a-z]+\s*=|hx-on|\bjs:|javascript:|<style", tag), tag
        unquoted = re.search(r"\s[a-z:-]+=(?![\"'])", re.sub(r"\"[^\"]*\"|'[^']*'", '""', tag))
        assert not unquoted, tag
        assert not re.search(r"(src|href|action)=\"(https?:)?//", tag), tag
        if tag.startswith("<script"):
            assert "src=" in tag or 'type="application/json"' in tag, tag


def test_markup_is_made_in_few_places() -> None:
    makers = {
        path.name
        for path in (ROOT / "src" / "orchestra").rglob("*.py")
        if re.search(r"\bMarkup\(", path.read_text("utf-8"))
    }

    assert makers == {"charts.py", "graph.py"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_evaluates_nothing_and_writes_no_markup(path: Path) -> None:
    text = path.read_text("utf-8")

    assert not re.search(
        r"\beval\b|new Function|innerHTML|outerHTML|insertAdjacent|\.style\b", text
    )


def test_the_style_is_small_and_asks_nobody() -> None:
    assert len(STYLE.encode()) < STYLE_MAX_BYTES
    assert "url(" not in STYLE
    assert "@import" not in STYLE
