"""Templates into pages. What a template does not know is an error, and every text is escaped.

All of them are compiled at the start: else the first page costs 100 ms, and a broken template is
found by whoever needs it.
"""

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestra.dashboard import wording
from orchestra.dashboard.charts import bars, heat, spark
from orchestra.dashboard.trees import difference, tree

PACKED_MIN_BYTES: Final = 1_024


class Pages:
    """The templates of one folder."""

    def __init__(self, folder: Path, url: Callable[[str], str]) -> None:
        self._urls: dict[str, str] = {}
        self._url = url
        self._templates = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        self._templates.filters |= {  # pyright: ignore[reportAttributeAccessIssue]
            "tone": wording.tone,
            "icon": wording.icon,
            "words": wording.words,
            "dur": wording.duration,
            "num": wording.count,
            "size": wording.size,
            "pct": wording.percent,
            "clock": wording.clock,
            "day": wording.day,
            "brief": wording.brief,
            "visible": wording.visible,
            "typed": Typed,
            "verbatim": wording.verbatim,
            "pretty": wording.pretty,
            "spark": spark,
            "bars": bars,
            "heat": heat,
            "change": wording.change,
            "tree": tree,
            "difference": difference,
        }
        self._templates.tests["cut"] = wording.is_cut
        self._templates.globals |= {"asset": self._asset}  # pyright: ignore[reportAttributeAccessIssue]
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    def _asset(self, name: str) -> str:
        """The lasting address of a static file, looked up once."""
        found = self._urls.get(name)
        if found is None:
            found = self._urls[name] = self._url(name)
        return found

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """A page or a fragment."""
        return self._templates.get_template(name).render(context)


class Typed(str):
    """What goes back into a field as it was typed, marks that nobody sees included."""

    __slots__ = ()


def _shown(value: object) -> object:
    """Every text a template shows: with its control and direction marks made visible."""
    plain = isinstance(value, str) and not isinstance(value, Typed | Markup)
    return wording.visible(value) if plain else value


def packed(body: bytes) -> bytes:
    """Compressed as it is sent."""
    return gzip.compress(body, 6, mtime=0)
