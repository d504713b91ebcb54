"""Heads of outgoing requests: only what a header may hold is sent."""

import re
from collections.abc import Mapping

from orchestra.security.answers import NotReached

_IN_NO_HEADER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def sendable(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As bytes. Raises NotReached for what no header may hold: nothing was sent."""
    try:
        sent = [(name.encode("ascii"), text.encode("latin-1")) for name, text in headers.items()]
    except UnicodeEncodeError:
        raise NotReached("a header cannot be sent as it is") from None
    if any(_IN_NO_HEADER.search(text) for _, text in sent):
        raise NotReached("a header cannot be sent as it is")
    return sent
