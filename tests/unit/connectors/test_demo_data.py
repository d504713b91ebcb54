import json
from importlib import resources
from pathlib import Path

import pytest

from orchestra.connectors.analysis.intent import intents
from orchestra.connectors.analysis.sentiment import sentiment

EXAMPLES = Path(__file__).parents[3] / "examples"
SHIPPED = resources.files("orchestra").joinpath("demo")
MESSAGES = json.loads(SHIPPED.joinpath("customer_messages.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("customer-support.json", "customer-support.json"),
        ("customer_messages.json", "data/customer_messages.json"),
    ],
)
def test_what_the_wheel_ships_is_the_example(name: str, example: str) -> None:
    assert SHIPPED.joinpath(name).read_bytes() == (EXAMPLES / example).read_bytes()


def test_the_demo_holds_data_only() -> None:
    assert {page.name.rpartition(".")[2] for page in SHIPPED.iterdir()} == {"json"}


def test_messages_have_the_fields_the_workflow_takes() -> None:
    assert len(MESSAGES) >= 30
    assert len({message["customer_id"] for message in MESSAGES}) == len(MESSAGES)
    for message in MESSAGES:
        assert set(message) == {"customer_id", "name", "text", "customer_history"}
        assert message["text"].strip()
        assert all(
            {"date", "order", "amount", "status"} <= set(row) for row in message["customer_history"]
        )


def test_messages_are_varied() -> None:
    feelings = {sentiment(message["text"]).sentiment for message in MESSAGES}
    wishes = {intents(message["text"])[0].intent for message in MESSAGES}
    languages = {sentiment(message["text"]).language for message in MESSAGES}

    assert feelings == {"negative", "neutral", "positive"}
    assert len(wishes) >= 8
    assert len(languages - {"und"}) >= 3
    assert sum(not message["customer_history"] for message in MESSAGES) >= 3
    assert min(len(message["text"]) for message in MESSAGES) < 5
    assert max(len(message["text"]) for message in MESSAGES) > 1_500
