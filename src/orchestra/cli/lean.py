"""Imports a large part of the product at half the price: for `serve`, whose start is waited for.

The collector of cycles runs dozens of times while a thousand modules come in, and finds nothing:
what they make stays. So it is off meanwhile, and leaves them alone for good afterwards. And some
libraries import more because it happens to be there, for things we never show: see `without`.
"""

import gc
import importlib
import importlib.abc
import sys
from collections.abc import Collection, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class _Absent(importlib.abc.MetaPathFinder):
    """Says of some modules that they are not there."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """None for all others, which are then looked for as ever."""
        if fullname in self._names:
            raise ModuleNotFoundError(f"{fullname} is not needed here", name=fullname)
        return None


def imported(name: str, *, without: Collection[str] = ()) -> Any:
    """The module `name`. What it imports finds none of `without`, unless they are there already.

    Only for modules that their importers do without when they are not installed.
    """
    absent, was_on = _Absent(without), gc.isenabled()
    gc.disable()
    sys.meta_path.insert(0, absent)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(absent)
        gc.freeze()
        if was_on:
            gc.enable()
