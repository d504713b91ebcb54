import pytest

from orchestra.workflows.language.durations import parsed_ms, repaired, shown


@pytest.mark.parametrize(
    ("text", "ms"),
    [("500ms", 500), ("1s", 1_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("0.5s", 500)],
)
def test_a_duration_is_milliseconds(text: str, ms: int) -> None:
    assert parsed_ms(text) == ms


@pytest.mark.parametrize(
    "text",
    ["", "30", "s", "1 s", "-1s", "1e3s", "1S", "1s\n", "٣s", "9" * 13 + "s", 30, None, "1w"],
)
def test_what_has_no_unit_or_is_odd_is_refused(text: object) -> None:
    assert parsed_ms(text) is None


@pytest.mark.parametrize(
    ("given", "meant"),
    [(30, "30s"), (30_000, "30000ms"), ("30", "30s"), ("5 minutes", "5m"), ("2 Hours", "2h")],
)
def test_what_was_probably_meant_is_offered(given: object, meant: str) -> None:
    assert repaired(given) == meant


@pytest.mark.parametrize("given", ["soon", [], True, "1 fortnight", -5, 1e300])
def test_nothing_is_offered_when_there_is_no_telling(given: object) -> None:
    assert repaired(given) is None


@pytest.mark.parametrize("text", ["1d2h3m4s5ms", "90s", "1500ms", "0ms"])
def test_what_is_shown_reads_back(text: str) -> None:
    ms = parsed_ms(text)

    assert ms is not None
    assert parsed_ms(shown(ms)) == ms
