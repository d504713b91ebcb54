"""What letters say, whatever people wrote into names, labels and summaries."""

from html.parser import HTMLParser

import msgspec
import pytest

from orchestra.monitoring.notifications import wording
from orchestra.monitoring.notifications.records import Letter, LetterKind, Line
from orchestra.store.keys import DEFAULT_TENANT as HOME

LINE = Line(
    "alr_1.a", "alr_1", "Agent error rate", {"agent": "gpt"}, "critical", "gpt: 23 % of calls fail",
    "https://example.com/runbooks/agents?a=1&b=2", 0.23, True, 1_700_000_000_000, 1_700_000_060_000,
)  # fmt: skip
EVIL = (
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "a\r\nBcc: b@c", "\u202egpt",
    "javascript:alert(1)", "x" * 10_000, "\x00", "\ud800", "${value}", "<!channel>", "",
)  # fmt: skip


def a_letter(kind: LetterKind = "firing", *lines: Line, more: int = 0) -> Letter:
    return Letter("ntf_1", HOME, "con_1", "grp_1", kind, 1_700_000_060_000, lines or (LINE,), more)


class Tags(HTMLParser):
    """Every tag and attribute of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.links: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}
        self.links += [value for name, value in attrs if name == "href"]


@pytest.mark.parametrize(
    ("letter", "subject"),
    [
        (a_letter(), "[critical] Agent error rate: gpt — 23 %"),
        (
            a_letter("resolved", msgspec.structs.replace(LINE, firing=False)),
            "[critical] resolved: Agent error rate: gpt",
        ),
        (a_letter("repeat"), "[critical] still firing: Agent error rate: gpt — 23 %"),
        (
            a_letter("firing", LINE, LINE, more=5),
            "[critical] 7 alerts: Agent error rate: gpt — 23 %",
        ),
        (
            a_letter("firing", msgspec.structs.replace(LINE, value=1.5, summary="", labels={})),
            "[critical] Agent error rate — 1.5",
        ),
    ],
)
def test_the_subject_says_what_and_how_much(letter: Letter, subject: str) -> None:
    assert wording.subject(letter) == subject


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_that_people_write_is_markup_or_a_second_line(evil: str) -> None:
    line = msgspec.structs.replace(
        LINE, name=evil, labels={"agent": evil, "b": evil}, summary=evil, runbook=evil
    )
    letter = a_letter("firing", *[line] * 20)
    subject, html = wording.subject(letter), wording.html_of(letter)
    tags = Tags(html)

    assert subject.isprintable()
    assert len(subject) <= wording.SUBJECT_MAX
    assert tags.found <= {"html", "head", "meta", "charset", "title", "body", "p", "b", "br"}
    assert len(html) < 200_000
    assert len(wording.text_of(letter)) < 100_000
    wording.chat_of(letter).encode()
    msgspec.json.encode(wording.document(a_letter()))


def test_a_runbook_is_a_link_when_it_is_an_address() -> None:
    tags = Tags(wording.html_of(a_letter()))

    assert tags.links == ["https://example.com/runbooks/agents?a=1&b=2"]
