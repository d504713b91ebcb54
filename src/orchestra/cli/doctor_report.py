"""What a check of the doctor says."""

from typing import Literal

import msgspec


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. `remedy` says what to do when it is not well."""

    name: str
    level: Literal["ok", "warn", "fail"]
    told: str
    remedy: str | None = None
