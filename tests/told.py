"""What instruments say: their values in this process, by the values of their labels."""

from orchestra.instruments import INSTRUMENTS, Histogram


def told(name: str) -> dict[tuple[str, ...], float]:
    """Of a counter since the process began, of a gauge now; of a histogram how many values."""
    [one] = [one for one in INSTRUMENTS if one.name == name]
    if isinstance(one, Histogram):
        return {values: tally.count for values, tally in one.totals().items()}
    return dict(one.totals())


def grown(name: str, before: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """What a counter grew by since then; series that did not are left out."""
    now = told(name)
    return {key: n - before.get(key, 0) for key, n in now.items() if n != before.get(key, 0)}
