"""Keys of the profiles of ended executions: those of a tenant are in one slot. All have a TTL."""

from orchestra.store.keys import Tenant


def profiles(tenant: Tenant, space: str = "o") -> str:
    """The prefix of the profiles of a tenant. Owner: monitoring."""
    return f"{space}:{{an/{tenant}}}:"


def profiles_open(prefix: str, workflow: str, day: int) -> str:
    """List: profiles of a workflow that ended on a day, in order; what came behind the packed."""
    return f"{prefix}d:{workflow}:{day}"


def profiles_packed(prefix: str, workflow: str, day: int) -> str:
    """String: profiles of a day that is over, msgpack, zlib."""
    return f"{prefix}z:{workflow}:{day}"


def profile_days(prefix: str) -> str:
    """Sorted set: `workflow:day` -> day. Its first ones give way when there is too much."""
    return f"{prefix}ix"


def profile_counts(prefix: str) -> str:
    """Hash: `workflow:day` with `:c` how many, `:b` bytes, `:l` one in 2^l of them is kept."""
    return f"{prefix}n"


def profile_state(prefix: str) -> str:
    """Hash: n profiles, b bytes, `s:day` how many executions of a day were passed over."""
    return f"{prefix}st"


def profile_positions(prefix: str) -> str:
    """Hash: partition -> up to which end, in ms, its executions are in."""
    return f"{prefix}at"


def profile_reader(prefix: str) -> str:
    """Hash under the prefix of monitoring: partition -> how far the reader is. Permanent."""
    return f"{prefix}an:at"
