"""Log lines: facts as JSON, context merged, nothing secret."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from orchestra.log import COVERED, TAP, configure
from orchestra.settings import Settings


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """What is written, as JSON at level info."""
    stream = io.StringIO()
    TAP.replica = ""  # that of a server another test ran
    configure(Settings(log_format="json"), stream)
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_holds_the_event_its_facts_and_the_context(out: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="req_1")

    structlog.get_logger("x").info("execution.completed", steps=4)

    (line,) = lines(out)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info", "event": "execution.completed", "request_id": "req_1", "steps": 4,
    }  # fmt: skip


def test_a_level_that_is_off_writes_nothing(out: io.StringIO) -> None:
    structlog.get_logger("x").debug("queue.message_taken")

    assert lines(out) == []


def test_secrets_are_masked_by_name_and_by_shape(out: io.StringIO) -> None:
    structlog.get_logger("x").info(
        "x.y_done",
        password="hunter2",
        openai_api_key="hunter2",
        store_url="redis://user:hunter2@host:1/0",
        text="key orc_live_abcdefgh_hunter2 was sent",
        headers={
            "Authorization": "Bearer hunter2",
            "list": ["Bearer hunter2", {"token": "hunter2"}],
        },
        input_tokens=12,
        idempotency_key="kept",
    )

    assert "hunter2" not in out.getvalue()
    assert lines(out)[0]["input_tokens"] == 12
    assert lines(out)[0]["idempotency_key"] == "kept"


def test_an_exception_is_told_without_the_values_of_variables(out: io.StringIO) -> None:
    secret = "hunter2"
    try:
        assert len(secret) / 0
    except ZeroDivisionError:
        structlog.get_logger("x").exception("x.y_failed")

    assert "ZeroDivisionError" in lines(out)[0]["exception"]
    assert "'hunter2'" not in out.getvalue()


def test_warnings_of_libraries_are_events_too(out: io.StringIO) -> None:
    logging.getLogger("some.library").warning("odd %s", "thing")

    assert lines(out)[0]["text"] == "odd thing"


def test_a_person_gets_text() -> None:
    stream = io.StringIO()
    configure(Settings(log_format="console"), stream)

    structlog.get_logger("x").info("x.y_done", token="hunter2")
    structlog.reset_defaults()

    assert "x.y_done" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_live_secrets_are_covered_wherever_they_stand(out: io.StringIO) -> None:
    value = 'covered-"\u00e4\\value'
    COVERED.add(value)
    COVERED.add(value)

    try:
        raise ValueError(value)  # noqa: TRY301 -- the log is what is looked at
    except ValueError as error:
        structlog.get_logger("x").info(
            "x.y_done", deep=[{value: (value,)}], text=repr(value), exc_info=error
        )
    logging.getLogger("library").warning("said %s", value)

    for form in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        assert form not in out.getvalue()
    assert len(lines(out)) == 2
    assert "***" in out.getvalue()


def deep(levels: int) -> object:
    value: object = "bottom"
    for n in range(levels):
        value = [value] if n % 2 else {"x": value}
    return value


@pytest.mark.parametrize(
    "fact",
    [
        "\ud800 half",
        2**80,
        {(1, 2): "pair"},
        {"x": {2**70}},
        b"\xff\x00",
        float("nan"),
        deep(100_000),
    ],
    ids=["surrogate", "huge", "key", "set", "bytes", "nan", "deep"],
)
def test_whatever_is_logged_is_a_line(out: io.StringIO, fact: object) -> None:
    structlog.get_logger("x").warning("x.y_done", fact=fact, n=1)

    (line,) = lines(out)
    assert (line["event"], line["level"]) == ("x.y_done", "warning")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_is_shown_is_tapped_as_json_once_the_tap_is_open(log_format: Any) -> None:
    stream = io.StringIO()
    configure(Settings(log_format=log_format), stream)
    logger = structlog.get_logger("x")
    logger.info("x.y_done", n=0)
    TAP.open, TAP.replica = True, "here:1"
    try:
        logger.debug("x.y_done", n=1)
        logger.info("x.\x1b[31m", n=2, tenant="t", password="hunter2")
    finally:
        TAP.open, TAP.replica = False, ""
        tapped = TAP.take()
        structlog.reset_defaults()

    ((_, level, tenant, raw),) = tapped
    line = json.loads(raw)
    assert (level, tenant, line["n"], line["password"]) == ("info", "t", 2, "***")
    assert line["replica"] == "here:1"
    assert list(line)[:3] == ["ts", "level", "event"]
    if log_format == "json":
        assert raw.decode() == stream.getvalue().splitlines()[1]
