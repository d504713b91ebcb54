"""Where a list of the newest goes on: the instant of the last one shown, and its id.

The id decides between those of one millisecond, so that no page begins behind one of them.
"""

import re

from orchestra.errors import Invalid, Problem

Place = tuple[int, str]
"""When it began, in ms since the epoch, and its id."""

_CURSOR = re.compile(r"([0-9]{1,15})\.([a-z]{3}_[0-9a-f-]{1,64})")


def cursor_of(place: Place) -> str:
    """The cursor of a place."""
    return f"{place[0]}.{place[1]}"


def place_of(text: str | None) -> Place | None:
    """The place a cursor stands for; None without one. Raises Invalid for one of another list."""
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        finding = Problem("/query/cursor", "field.range", "not a cursor of this list")
        raise Invalid("the query is not valid", [finding])
    return int(found[1]), found[2]
