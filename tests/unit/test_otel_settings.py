"""The settings of OpenTelemetry: what is wrong is said, and no secret with it."""

import pytest

from orchestra.errors import Problem
from orchestra.otel_settings import headers_of
from orchestra.settings import Settings, SettingsInvalid, load


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, {}),
        ("", {}),
        ("authorization=Bearer%20x, X-Scope=a=b,", {"authorization": "Bearer x", "x-scope": "a=b"}),
    ],
)
def test_headers_are_read_as_those_of_opentelemetry(
    text: str | None, found: dict[str, str]
) -> None:
    assert headers_of(text) == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("otel_endpoint", "collector:4318"),
        ("otel_endpoint", "ftp://collector"),
        ("otel_endpoint", "http://user:tellnobody@collector"),
        ("otel_endpoint", "http://collector/?token=tellnobody"),
        ("otel_endpoint", "http://collector:99999"),
        ("otel_headers", "tellnobody"),
        ("otel_headers", "a b=tellnobody"),
        ("otel_headers", "a=tellnobody%0d%0ax:y"),
        ("otel_sample", "1.5"),
        ("otel_service_name", "x" * 200),
    ],
)
def test_what_cannot_be_used_is_said_without_what_it_holds(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load({name: value}, environ={})

    [finding] = refused.value.findings
    assert isinstance(finding, Problem)
    assert finding.pointer in (name, f"--{name.replace('_', '-')}")
    assert "tellnobody" not in str(refused.value)


def test_headers_are_masked_where_settings_are_shown() -> None:
    assert "tellnobody" not in repr(Settings(otel_headers="authorization=tellnobody"))
