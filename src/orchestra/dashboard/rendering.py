"""Templates into pages. What a template does not know is an error, and every text is escaped.

None is compiled at the start, which would take half a second of it: whoever comes first has those
of a page made, and all others are made soon after (`compile`, in a thread).
"""

import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket, BytecodeCache
from markupsafe import Markup

from orchestra.dashboard import wording
from orchestra.dashboard.charts import bars, heat, spark
from orchestra.dashboard.trees import difference, tree

PACKED_MIN_BYTES: Final = 1_024


class _Compiled(BytecodeCache):
    """What templates were compiled to: once for all servers of this process, as tests have them."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED: Final = _Compiled()


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
            bytecode_cache=_COMPILED,
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

    @property
    def names(self) -> Sequence[str]:
        """All templates there are."""
        return self._templates.list_templates()

    def compile(self, name: str) -> None:
        """Make one ready to be shown. Raises TemplateError for a broken one."""
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
