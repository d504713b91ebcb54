"""Keys of notifications: contacts, silences, groups of alerts and letters about them, in one slot:
what is decided of a group and the letters that follow from it are one script.
"""

from orchestra.store.keys import Tenant


def notices(space: str = "o") -> str:
    """The prefix of all of it. Owner: monitoring."""
    return f"{space}:{{nt}}:"


def contacts(prefix: str, tenant: Tenant) -> str:
    """Hash: contact id -> framed record. Until deleted."""
    return f"{prefix}c:{tenant}"


def contact_names(prefix: str, tenant: Tenant) -> str:
    """Hash: name of a contact -> its id; `*` -> the default one. Ends with them."""
    return f"{prefix}cn:{tenant}"


def silences(prefix: str, tenant: Tenant) -> str:
    """Hash: silence id -> framed record. Ends a day after the last of them."""
    return f"{prefix}s:{tenant}"


def group(prefix: str, tenant: Tenant, group_id: str) -> str:
    """String with TTL: revision|framed record of what a contact was told of some alerts."""
    return f"{prefix}g:{tenant}:{group_id}"


def groups(prefix: str, tenant: Tenant) -> str:
    """Sorted set: groups by the ms at which they end."""
    return f"{prefix}gx:{tenant}"


def due(prefix: str) -> str:
    """Sorted set: tenant|group by the ms at which it is to be looked at. Ends with them."""
    return f"{prefix}due"


def letters(prefix: str) -> str:
    """Hash: id of a letter -> what is decided and not handed on yet. Ends in seconds."""
    return f"{prefix}out"


def tested(prefix: str, tenant: Tenant, contact: str) -> str:
    """String with TTL: the contact was tested just now; of `*` how many were, in a minute."""
    return f"{prefix}t:{tenant}:{contact}"
