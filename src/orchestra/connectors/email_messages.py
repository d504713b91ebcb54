"""What a mail is made of: addresses that are judged, a message that nothing can be slipped into.

Every header is made of one line of printable text, whatever it was given; an address has the plain
form that servers agree on, without quotes or comments. The id of a message (RFC 5322, 3.6.4)
follows from the key it was asked for with, so that a repeat is recognisable.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import msgspec

ADDRESS_MAX: Final = 254
SUBJECT_MAX: Final = 200
TEXT_MAX: Final = 262_144
RECIPIENTS_MAX: Final = 20
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS: Final = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)*{_LABEL})")
_NAMED: Final = re.compile(r"([^<>]*)<([^<>]*)>")
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_IN_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Message(msgspec.Struct, frozen=True):
    """A mail. `key` is the same whenever it is the same mail."""

    key: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""


def is_address(text: str) -> bool:
    """Whether it is an address that mail can be sent to."""
    found = _ADDRESS.fullmatch(text)
    return found is not None and len(text) <= ADDRESS_MAX and len(found[1]) <= 64


def sender(text: str) -> Address | None:
    """`name@host` or `Name <name@host>`; None when it is neither."""
    named = _NAMED.fullmatch(text.strip())
    shown, address = (named[1], named[2]) if named else ("", text.strip())
    if not is_address(address):
        return None
    local, _, domain = address.rpartition("@")
    return Address(one_line(shown).strip('" '), local, domain)


def message_id(key: str, domain: str) -> str:
    """The same for the same key."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def one_line(text: str, most: int = SUBJECT_MAX) -> str:
    """Without what breaks a line, and no longer than that."""
    # `=?` begins an encoded word (RFC 2047), which may hold what was just taken out.
    return " ".join(_UNSEEN.sub(" ", text).replace("=?", "= ?").split())[:most]


def composed(message: Message, of: Address, to: Sequence[str], now_ms: int) -> EmailMessage:
    """The message as it is sent."""
    made = EmailMessage(policy=SMTP)
    made["From"] = of
    made["To"] = ", ".join(to)
    made["Subject"] = one_line(message.subject)
    made["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1_000, UTC))
    made["Message-ID"] = message_id(message.key, of.domain)
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers from a holiday
    # Not every server takes eight bits (RFC 6152), nor long lines.
    text = _IN_TEXT.sub(" ", message.text)[:TEXT_MAX]
    made.set_content(text, cte="quoted-printable")
    if message.html:
        shown = _IN_TEXT.sub(" ", message.html)[:TEXT_MAX]
        made.add_alternative(shown, subtype="html", cte="quoted-printable")
    return made
