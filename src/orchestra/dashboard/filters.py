"""A list with filters: what was asked for, and what of it could not be obeyed.

A filter that is wrong is marked and left out; the page is there all the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.site import Site

TEXT_MAX: Final = 1_024

Document = dict[str, Any]


class Filtered:
    """One page of a list of the interface. `names` are its filters."""

    def __init__(
        self, path: str, names: Sequence[str], given: Mapping[str, str],
        fixed: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        self._path, self._fixed = path, dict(fixed or {})
        self.query = {name: given.get(name, "").strip() for name in names}
        self.cursor, self.order = given.get("cursor", ""), ""
        self.wrong = {
            name: f"longer than {TEXT_MAX} characters"
            for name, value in self.query.items()
            if len(value) > TEXT_MAX
        }
        self.document: Document = {}

    @property
    def chips(self) -> list[tuple[str, str]]:
        """The filters that were given."""
        return [(name, value) for name, value in self.query.items() if value]

    @property
    def address(self) -> dict[str, str]:
        """What stands in the address of this list."""
        return dict(self.chips) | ({"order": self.order} if self.order else {})

    def without(self, name: str) -> str:
        """The query of this list less one filter."""
        return urlencode({key: value for key, value in self.address.items() if key != name})

    async def ask(self, site: Site, asker: Viewer) -> Document:
        """The document. Raises Refused for what no filter is to blame for."""
        for _ in range(len(self.query) + 2):
            kept = {name: value for name, value in self.query.items() if name not in self.wrong}
            wish = {**kept, **self._fixed, "cursor": self.cursor, "order": self.order}
            try:
                self.document = await site.api.get(asker, self._path, wish)
            except Refused as refused:
                if not self._marked(refused):
                    raise
            else:
                return self.document
        return self.document

    def _marked(self, refused: Refused) -> bool:
        """Whether it is known now which filter was wrong."""
        if refused.answer_status not in (400, 422):
            return False
        for finding in refused.document.get("errors", ()):
            name = str(finding["pointer"]).rpartition("/")[2]
            if self.query.get(name) and name not in self.wrong:
                self.wrong[name] = str(finding["message"])
                return True
        if self.cursor:  # no filter is to blame: then it is the place in the list
            self.cursor = ""
            return True
        return False
