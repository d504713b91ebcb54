"""Roles and what each may do: every role has what the one before it has."""

from collections.abc import Iterable, Mapping
from typing import Final, get_args

from orchestra.security import Permission, Principal, Role
from orchestra.store.keys import DEFAULT_TENANT

ROLES: Final[tuple[Role, ...]] = get_args(Role)

_ADDED: Final[Mapping[Role, frozenset[Permission]]] = {
    "viewer": frozenset(p for p in Permission if p.value.endswith(":read")),
    "operator": frozenset(
        {
            Permission.EXECUTIONS_START,
            Permission.EXECUTIONS_OPERATE,
            Permission.AGENTS_EXECUTE,
            Permission.AGENTS_OPERATE,
            Permission.EVENTS_PUBLISH,
            Permission.QUEUES_SEND,
            Permission.QUEUES_OPERATE,
            Permission.EVENTS_SUBSCRIBE,
            Permission.WEBHOOKS_OPERATE,
            Permission.METRICS_RECORD,
            Permission.ALERTS_ACKNOWLEDGE,
        }
    ),
    "editor": frozenset(
        {
            Permission.WORKFLOWS_WRITE,
            Permission.AGENTS_REGISTER,
            Permission.EVENTS_DEFINE,
            Permission.ALERTS_WRITE,
        }
    ),
    "admin": frozenset(
        {Permission.WEBHOOKS_WRITE, Permission.SECRETS_WRITE, Permission.KEYS_MANAGE}
    ),
    "platform_admin": frozenset(),
}


def permissions_of(role: Role, scopes: Iterable[str] = ()) -> frozenset[str]:
    """What `role` may do, cut down to `scopes` (`agents:read`, `executions:*`) if any."""
    held = {
        permission.value for below in ROLES[: ROLES.index(role) + 1] for permission in _ADDED[below]
    }
    wanted = tuple(scopes)
    return frozenset(held if not wanted else {p for p in held if _covered(p, wanted)})


def _covered(permission: str, scopes: tuple[str, ...]) -> bool:
    noun = permission.partition(":")[0]
    return permission in scopes or f"{noun}:*" in scopes or "*" in scopes


# Not platform admin: a moment of local access must not reach the whole installation.
DEVELOPER: Final = Principal(DEFAULT_TENANT, "admin", "developer", permissions_of("admin"))
