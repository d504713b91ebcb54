"""`GET /api/agents/plugins`: what was found in the folder of this replica, and what is broken."""

from typing import Annotated, Final

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from msgspec import UNSET, Meta, UnsetType

from orchestra.agents.discovery.plugins import Plugin, Plugins
from orchestra.agents.routes.documents import Closed, Instant
from orchestra.described import Answer, described
from orchestra.instants import instant
from orchestra.security import Permission, Principal, requires
from orchestra.store.keys import DEFAULT_TENANT

Caller = NamedDependency[SkipValidation[Principal]]
Shelves = NamedDependency[SkipValidation[Plugins]]


class PluginShown(Closed, frozen=True):
    """Code that was found on the machine of the replica that answers."""

    file: Annotated[str, Meta(description="In the folder; or the entry point of a package.")]
    version: Annotated[str | None, Meta(description="Of the code that is served; null: none is.")]
    loaded_at: Instant | None
    error: Annotated[str | None, Meta(description="Why the newest code is not served.")]
    agent_type: str | UnsetType | None = UNSET
    agent: str | UnsetType | None = UNSET


class PluginPage(Closed, frozen=True):
    """All plugins, by file. `enabled`: the setting `plugins` names a folder."""

    enabled: bool
    items: tuple[PluginShown, ...]
    next_cursor: None


PLUGINS: Final = described({200: Answer("The plugins of this replica.", [PluginPage])})


class PluginRoutes(Controller):
    """Plugins come from the file system; there is no way to send one."""

    path = "/api/agents"
    tags = ("agents",)

    @get("/plugins", guards=[requires(Permission.AGENTS_OPERATE)], opt=PLUGINS)
    async def page(self, principal: Caller, plugins: Shelves) -> PluginPage:
        """Agents found in the folder, with the traceback of what cannot be imported.

        They are agents of the first tenant: others see none.
        """
        mine = plugins.all if principal.tenant == DEFAULT_TENANT else []
        shown = (shown_plugin(one, whole=True) for one in mine)
        return PluginPage(plugins.enabled, tuple(shown), None)


def shown_plugin(plugin: Plugin, *, whole: bool = False) -> PluginShown:
    """One plugin; `whole`: with the agent it serves."""
    at = plugin.loaded_at_ms
    return PluginShown(
        file=plugin.file,
        version=plugin.version,
        loaded_at=None if at is None else instant(at),
        error=plugin.error,
        agent_type=plugin.agent_type if whole else UNSET,
        agent=plugin.agent if whole else UNSET,
    )
