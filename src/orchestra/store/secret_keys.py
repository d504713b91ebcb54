"""Keys of what is sealed, under the prefix of the identities: the rest of `keys`."""

from orchestra.store.keys import Tenant


def secrets(prefix: str, tenant: Tenant) -> str:
    """Hash: name -> version|framed record, sealed. Permanent until removed."""
    return f"{prefix}s:{tenant}"


def data_keys(prefix: str) -> str:
    """Hash: tenant -> framed, what seals its secrets, wrapped by the master key. Permanent."""
    return f"{prefix}dk"


def kept_pepper(prefix: str) -> str:
    """Bytes: the pepper of API keys from before the master key was changed, sealed. Permanent."""
    return f"{prefix}pp"


def master_check(prefix: str) -> str:
    """String: which master key the installation has; does not tell it. Permanent."""
    return f"{prefix}mk"
