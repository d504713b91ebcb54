"""Scripts: the header is the signature, and only what is used of the prelude is sent."""

from pathlib import Path

import pytest

from orchestra.store.scripts import BadScript, Script, load_scripts

HEADER = "-- one: does one thing\n-- args: a b\n-- returns 1\n-- cost O(1)\n"
PRELUDE = """-- prelude: shared
local p, at = KEYS[1], ARGV[1]

-- says when
local function now() return at end
local function later() return now() + 1 end
local function never() return 'later' end
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with an empty lua folder, importable as `made_of_lua`."""
    folder = tmp_path / "made_of_lua" / "lua"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "made_of_lua", raising=False)
    load_scripts.cache_clear()
    return folder


def loaded(folder: Path, text: str) -> Script:
    (folder / "one.lua").write_text(text)
    return load_scripts("made_of_lua")["one"]


def test_values_are_laid_out_in_the_order_of_the_header(package: Path) -> None:
    script = loaded(package, HEADER + "return ARGV[3]\n")

    assert script.argv({"b": 2, "a": b"1"}) == (b"1", 2)
    assert script.source == "#!lua\nreturn ARGV[3]\n"


@pytest.mark.parametrize("values", [{"a": 1}, {"a": 1, "c": 2}, {"a": 1, "b": 2, "c": 3}, {}])
def test_a_wrong_keyword_fails_before_anything_is_sent(
    package: Path, values: dict[str, int]
) -> None:
    script = loaded(package, HEADER + "return 1\n")

    with pytest.raises(TypeError, match="one: missing"):
        script.argv(values)


@pytest.mark.parametrize("count", [0, 1])
def test_few_args_are_a_tuple_too(package: Path, count: int) -> None:
    names = ["a", "b"][:count]
    script = loaded(package, HEADER.replace("a b", " ".join(names)) + "return 1\n")

    assert script.argv(dict.fromkeys(names, 7)) == (7,) * count


def test_only_what_is_used_of_the_prelude_is_sent(package: Path) -> None:
    (package / "prelude.lua").write_text(PRELUDE)

    script = loaded(package, HEADER + "-- prelude: yes\n\nreturn later()  -- never()\n")

    assert "function now" in script.source
    assert "function later" in script.source
    assert "local p, at" in script.source
    assert "function never" not in script.source
    assert "says when" not in script.source


def test_flags_are_in_the_first_line(package: Path) -> None:
    script = loaded(package, HEADER + "-- flags: allow-oom\nreturn 1\n")

    assert script.source.startswith("#!lua flags=allow-oom\n")


@pytest.mark.parametrize(
    "text",
    [
        HEADER.replace("one:", "two:") + "return 1\n",
        HEADER.replace("-- args: a b\n", "") + "return 1\n",
        HEADER.replace("-- cost O(1)\n", "") + "return 1\n",
        HEADER.replace("a b", "a a") + "return 1\n",
        HEADER.replace("a b", "a def") + "return 1\n",
        HEADER + "return ARGV[4]\n",
        HEADER + "-- prelude: yes\nreturn nothing_of_it\n",
    ],
)
def test_a_wrong_header_is_refused_when_it_is_loaded(package: Path, text: str) -> None:
    (package / "prelude.lua").write_text(PRELUDE)

    with pytest.raises(BadScript, match=r"one\.lua"):
        loaded(package, text)


def test_more_arguments_may_follow_where_the_header_says_so(package: Path) -> None:
    script = loaded(package, HEADER + "-- more: one element each\nreturn ARGV[4]\n")

    assert script.more


@pytest.mark.parametrize("package_name", ["orchestra.store", "orchestra.workflows"])
def test_the_scripts_of_the_product_load(package_name: str) -> None:
    scripts = load_scripts(package_name)

    assert all(name == script.name and len(script.sha) == 40 for name, script in scripts.items())
