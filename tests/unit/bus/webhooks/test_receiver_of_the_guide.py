"""The receiver that the guide shows believes us, and nobody else."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestra.bus.webhooks.signing import headers, new_key

GUIDE = Path(__file__).parents[4] / "docs" / "webhooks.md"
BODY = b'{"type":"order.placed"}'


@pytest.fixture(scope="module")
def verified() -> Callable[[str, dict[str, str], bytes], bool]:
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert code
    names: dict[str, Callable[[str, dict[str, str], bytes], bool]] = {}
    exec(compile(code[1], str(GUIDE), "exec"), names)  # noqa: S102 -- our own guide
    return names["verified"]


def test_it_believes_us_also_while_a_secret_is_replaced(
    verified: Callable[[str, dict[str, str], bytes], bool],
) -> None:
    old, new, stranger = new_key(), new_key(), new_key()
    at = int(datetime.now(UTC).timestamp())

    sent = headers([new, old], "dlv_1", at, BODY)

    assert verified(old.text, sent, BODY)
    assert verified(new.text, sent, BODY)
    assert not verified(stranger.text, sent, BODY)
    assert not verified(new.text, sent, BODY + b" ")
    assert not verified(new.text, headers([new], "dlv_1", at - 400, BODY), BODY)
