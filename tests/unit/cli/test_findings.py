import click

from orchestra.cli.findings import excerpt


def shown(source: str, line: int, column: int, end_column: int) -> list[str]:
    return [click.unstyle(one) for one in excerpt(source, line, column, end_column)]


def test_carets_stand_below_what_is_meant() -> None:
    text, carets = shown('  "depends_on": ["clasify"]', 14, 18, 27)

    assert text == '   14 |   "depends_on": ["clasify"]'
    assert carets[text.index('"clasify"') :] == "^" * 9


def test_carets_count_characters_where_editors_count_units() -> None:
    source = '"🎉🎉": "bad"'
    units = source[: source.index('"bad"')].encode("utf-16-le")

    text, carets = shown(source, 1, len(units) // 2 + 1, len(units) // 2 + 6)

    assert carets.index("^") == text.index('"bad"')


def test_of_a_long_line_the_place_is_shown() -> None:
    source = "x" * 500 + '"here"' + "y" * 500

    text, carets = shown(source, 3, 501, 507)

    assert len(text) < 120
    assert text[carets.index("^") :].startswith('"here"')


def test_tabs_do_not_move_the_carets() -> None:
    text, carets = shown('\t\t"a": 1', 1, 3, 6)

    assert carets.index("^") == text.index('"a"')
