"""Alerts in the words of people: the name of a webhook where a rule could say its id alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestra.dashboard.asking import Api, Viewer
from orchestra.errors import OrchestraError

ID: Final = re.compile(r"\bwhk_[0-9A-Za-z_-]{8,64}")
LOOKED_THROUGH: Final = 200

Document = dict[str, Any]


async def named(api: Api, viewer: Viewer, told: Sequence[Document]) -> None:
    """Put names into the summaries of `told`; whoever may not see webhooks keeps the ids."""
    if not any(ID.search(one["summary"]) for one in told):
        return
    try:
        page = await api.get(viewer, "/api/webhooks", {"limit": LOOKED_THROUGH})
    except OrchestraError:
        return
    names = {str(one["id"]): str(one["name"]) for one in page["webhooks"]}
    for one in told:
        one["summary"] = with_names(one["summary"], names)


def with_names(text: str, names: Mapping[str, str]) -> str:
    """A sentence with names for ids, as far as they are known. Pure."""
    return ID.sub(lambda found: names.get(found[0]) or found[0], text)
