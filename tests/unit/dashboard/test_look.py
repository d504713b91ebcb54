"""What holds for every template, style and script: contrast and the policy."""

import gzip
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static").glob("*.js"))
STYLE = (ROOT / "static" / "app.css").read_text("utf-8")
THEMES = {
    named.group(1) or "dark": dict(
        re.findall(r"--([a-z]+(?:-[a-z0-9]+)?): (#[0-9A-F]{6})\b", named.group(2))
    )
    for named in re.finditer(r":root(?:\[data-theme=([a-z]+)\])? {(.*?)}", STYLE, re.DOTALL)
    if "--bg-0" in named.group(2)
}
GROUNDS = ("bg-0", "bg-1", "bg-2", "bg-3")
TEXTS = (
    "fg-0", "fg-1", "fg-2", "cyan", "magenta", "violet", "blue", "green", "amber", "red", "orange",
    "slate",
)  # fmt: skip
STYLE_MAX_BYTES = 10 * 1024
SCRIPT_MAX_BYTES = 5 * 1024
"""Compressed: what every page fetches of ours."""


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


def test_there_are_the_themes_one_can_choose() -> None:
    assert {*THEMES} == {"dark", "light", "system", "contrast"}
    assert THEMES["system"] == THEMES["light"], "it is dark where the system is not light"


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_can_be_read(theme: str) -> None:
    tokens, least = THEMES[theme], 7.0 if theme == "contrast" else 4.5
    for ground in GROUNDS:
        for text in TEXTS:
            assert contrast(tokens[text], tokens[ground]) >= least, (text, ground)
        assert contrast(tokens["line-strong"], tokens[ground]) >= 3, ground
    for ground in GROUNDS[:3]:
        for colour in TEXTS[2:]:  # badges, and what was added or removed
            assert contrast(tokens[colour], tinted(tokens[colour], tokens[ground])) >= 4.5, colour
    assert contrast(tokens["ink"], tokens["cyan"]) >= 7
    assert contrast(tokens["ink"], tokens["solid"]) >= 7
    assert contrast(tokens["fg-0"], tokens["chosen" if "chosen" in tokens else "bg-3"]) >= 4.5
    for ground in ("well", "hover", "lid", "alarm"):
        for text in ("fg-0", "fg-1", "fg-2", "red", "amber", "green", "cyan", "violet", "magenta"):
            assert contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_keeps_the_policy(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text
    markup = re.sub(r"{%.*?%}", "", re.sub(r"{{.*?}}", "X", text))

    if path.name == "export.html":  # a file on its own; its policy knows the digest of the sheet
        assert "default-src 'none'; style-src 'sha256-X'" in markup
        markup = markup.replace("<style>", "")
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

    assert makers == {"charts.py", "gantt.py", "graph.py"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_evaluates_nothing_and_writes_no_markup(path: Path) -> None:
    text = path.read_text("utf-8")

    assert not re.search(
        r"\beval\b|new Function|innerHTML|outerHTML|insertAdjacent|\.style\b", text
    )


def test_other_sheets_take_their_colours_from_the_themes() -> None:
    for path in (ROOT / "static").glob("*.css"):
        if path.name != "app.css":
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*})", path.read_text("utf-8")), path


def test_what_every_page_fetches_is_small_and_asks_nobody() -> None:
    script = (ROOT / "static" / "live.js").read_bytes()

    assert len(gzip.compress(STYLE.encode(), 9)) < STYLE_MAX_BYTES
    assert len(gzip.compress(script, 9)) < SCRIPT_MAX_BYTES
    assert "url(" not in STYLE
    assert "@import" not in STYLE
