"""What a client of the live stream asks for, read."""

from orchestra.bus.patterns import PATTERNS_MAX, is_pattern
from orchestra.errors import Invalid, Problem


def checked(types: list[str] | None) -> tuple[str, ...]:
    """Patterns that can be matched; `a,b` is two. Raises Invalid."""
    found = [part for text in types or () for part in text.split(",") if part]
    findings = [
        Problem("/types", "bad_pattern", "a pattern is like step.*, agent.unhealthy or **")
        for text in found
        if not is_pattern(text)
    ]
    if len(found) > PATTERNS_MAX:
        findings.append(Problem("/types", "too_many", f"has at most {PATTERNS_MAX} patterns"))
    if findings:
        raise Invalid("the patterns are wrong", findings)
    return tuple(found)
