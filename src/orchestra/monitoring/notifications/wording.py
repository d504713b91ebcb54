"""What letters say: a subject, plain text, simple HTML, a line for a chat, a document.

Names, labels and summaries come from people: they are one line each in a subject, and text in HTML.
"""

import html
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from orchestra.instants import instant
from orchestra.monitoring.notifications.records import Letter, LetterKind, Line, worst

SUBJECT_MAX: Final = 160
SUMMARY_MAX: Final = 1_000
LABEL_MAX: Final = 128
_UNSEEN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)
"""What breaks a line, or turns its direction."""
_LEADS: Final[dict[LetterKind, str]] = {
    "firing": "",
    "resolved": "resolved: ",
    "repeat": "still firing: ",
    "unsilenced": "still firing, no longer silenced: ",
    "flapping": "flapping: ",
    "settled": "settled: ",
    "test": "",
}
TEST: Final = "This is a test. If you read it, notifications reach you."


def plain(text: str, most: int) -> str:
    """On one line, and no longer than that."""
    one = " ".join(_UNSEEN.sub(" ", text).split())
    return one if len(one) <= most else one[: most - 1] + "…"


def subject(letter: Letter) -> str:
    """`[critical] Agent error rate: gpt — 23 %`."""
    if letter.kind == "test" or not letter.lines:
        return "[test] Orchestra can reach you"
    about, count = _about(letter.lines[0]), len(letter.lines) + letter.more
    if count > 1:
        about = f"{count} alerts: {about}"
    grave = worst([one.severity for one in letter.lines])
    return plain(f"[{grave}] {_LEADS[letter.kind]}{about}", SUBJECT_MAX)


def text_of(letter: Letter) -> str:
    """All of it, as plain text."""
    if letter.kind == "test":
        return f"{TEST}\n"
    parts = [subject(letter), ""]
    for one in letter.lines:
        parts += [*_lines(one), ""]
    parts += [f"And {letter.more} more.", ""] if letter.more else []
    return "\n".join(parts)


def html_of(letter: Letter) -> str:
    """The same as HTML without styles, images or scripts."""
    if letter.kind == "test":
        return _page(subject(letter), f"<p>{html.escape(TEST)}</p>")
    body: list[str] = []
    for one in letter.lines:
        first, *rest = _lines(one)
        told = "<br>".join(map(_linked, rest))
        body.append(f"<p><b>{html.escape(first)}</b><br>{told}</p>")
    body += [f"<p>And {letter.more} more.</p>"] if letter.more else []
    return _page(subject(letter), "".join(body))


def chat_of(letter: Letter) -> str:
    """A few lines for a chat. What means something there is escaped by who sends it."""
    if letter.kind == "test":
        return TEST
    told = [f"*{subject(letter)}*"]
    for one in letter.lines[:5]:
        told.append(f"{_state(one)} {plain(one.summary, 300) or _about(one)}")
        told += [plain(one.runbook, 300)] if _is_link(one.runbook) else []
    left = len(letter.lines) - 5 + letter.more
    return "\n".join([*told, f"And {left} more."] if left > 0 else told)


def document(letter: Letter) -> dict[str, Any]:
    """What programs are told."""
    return {
        "id": letter.id,
        "kind": letter.kind,
        "subject": subject(letter),
        "text": chat_of(letter),
        "contact_id": letter.contact,
        "group_id": letter.group,
        "at": instant(letter.at_ms),
        "number": letter.number,
        "more": letter.more,
        "alerts": [
            {
                "id": one.alert,
                "rule_id": one.rule,
                "name": one.name,
                "labels": one.labels,
                "severity": one.severity,
                "state": "firing" if one.firing else "resolved",
                "value": one.value,
                "summary": one.summary[:SUMMARY_MAX],
                "runbook": one.runbook,
                "since": instant(one.since_ms),
                "at": instant(one.at_ms),
                "swings": one.swings,
            }
            for one in letter.lines
        ],
    }


def _about(one: Line) -> str:
    """`Agent error rate: gpt — 23 %`."""
    labels = ", ".join(plain(value, LABEL_MAX) for _, value in sorted(one.labels.items()))
    named = f"{plain(one.name, LABEL_MAX)}: {labels}" if labels else plain(one.name, LABEL_MAX)
    return f"{named} — {_value(one)}" if one.value is not None and one.firing else named


def _value(one: Line) -> str:
    """As the summary shows it, where it does; else a short number."""
    value = one.value
    if value is None or not math.isfinite(value):
        return "no value"
    forms = (
        f"{value * 100:.3g} %", f"{value * 1_000:.3g} ms", f"{value:.4g} s",
        f"{value / 1_048_576:.4g} MiB", f"${value:.2f}",
    )  # fmt: skip
    return next((form for form in forms if form in one.summary), f"{value:.6g}")


def _lines(one: Line) -> Sequence[str]:
    labels = ", ".join(
        f"{plain(name, 32)}={plain(value, LABEL_MAX)}" for name, value in sorted(one.labels.items())
    )
    found = [
        f"{_state(one)} [{one.severity}] {_about(one)}",
        plain(one.summary, SUMMARY_MAX),
        f"since {instant(one.since_ms)}"
        + ("" if one.firing else f", resolved {instant(one.at_ms)}")
        + (f", {one.swings} changes" if one.swings else ""),
        f"labels: {labels}" if labels else "",
        plain(one.runbook, SUMMARY_MAX),
        f"alert: {one.alert}",
    ]
    return [text for text in found if text]


def _state(one: Line) -> str:
    return "FIRING" if one.firing else "RESOLVED"


def _linked(text: str) -> str:
    shown = html.escape(text)
    return f'<a href="{shown}">{shown}</a>' if _is_link(text) else shown


def _is_link(text: str) -> bool:
    return text.startswith(("https://", "http://")) and " " not in text and text.isprintable()


def _page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title></head><body>{body}</body></html>"
    )
