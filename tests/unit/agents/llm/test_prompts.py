"""What is said to a model, and what a template can do to us: nothing."""

import time
from typing import Any

import pytest
from agent_replicas import a_task
from llm_agents import a_call, an_agent

from orchestra.agents import Capability
from orchestra.agents.llm import Message
from orchestra.agents.llm.prompts import Put, put
from orchestra.agents.records import Prompt
from orchestra.agents.registration.prompt_text import BadPrompt, compiled, render

LONG = "x" * 1_000_000


def filled(text: str, given: object = None) -> str:
    return render(text, {"input": given, "capability": "c"}, time.monotonic)


def said(given: object, capability: str | None = None, schema: Any = None, **about: Any) -> Put:
    task = a_task("writer", input_data=given, capability=capability, output_schema=schema)
    return put(an_agent(**about), a_call(task), time.monotonic)


@pytest.mark.parametrize(
    ("text", "given", "made"),
    [
        ("{{ input.text }} by {{ capability }}", {"text": "{{ 7*7 }}"}, "{{ 7*7 }} by c"),
        ("{{ input.items }}", {"items": 3}, "3"),
        ("{% for k, v in input.items() %}{{ k }}={{ v }};{% endfor %}", {"a": 1}, "a=1;"),
        ("{% for x in input %}{{ loop.index }}{{ x.t|upper }}{% endfor %}", [{"t": "a"}], "1A"),
        ("{{ input.x|default('none') }}", {}, "none"),
        ("{% if input.x is defined %}yes{% else %}no{% endif %}", {}, "no"),
        ("{{ input|tojson }}", {"a": "<b>"}, '{"a":"<b>"}'),
        ("{{ 'a' ~ input ~ 'c' }}", "b", "abc"),
        ("{{ input[0] + 2 * 3 }}", [1], "7"),
        ("{% raw %}{{ x }}{% endraw %}{# note #}", None, "{{ x }}"),
        ("{{ input.t.strip() }}|{{ input.l|join('-') }}", {"t": " a ", "l": [1, 2]}, "a|1-2"),
    ],
)
def test_values_are_put_in_and_never_looked_at_again(text: str, given: object, made: str) -> None:
    assert filled(text, given) == made


@pytest.mark.parametrize(
    "text",
    [
        "{% set a = 1 %}", "{% macro a() %}{{ a() }}{% endmacro %}", "{% include 'x' %}",
        "{% import 'x' as y %}", "{% extends 'x' %}", "{% block x %}{% endblock %}",
        "{% filter upper %}{% endfilter %}", "{% with a = 1 %}{% endwith %}", "{{ range(9) }}",
        "{{ lipsum() }}", "{{ cycler }}", "{{ self }}", "{{ x }}", "{{ input|attr('a') }}",
        "{{ input|map('x') }}", "{{ input|pprint }}", "{{ input is callable }}", "{{ input() }}",
        "{{ '{0}'.format(1) }}", "{{ input.format(1) }}", "{{ 2 ** 9 }}", "{{ input", "{% for %}",
        "{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "{% if 1 %}" * 150 + "{% endif %}" * 150,
        "{% for a in input %}" * 4 + "{% endfor %}" * 4, "{{ input|upper }}" * 101,
        "{% for a in input recursive %}{% endfor %}", "{{ 1 }}" * 5_000, "{{ " + "(" * 60_000,
    ],
)  # fmt: skip
def test_a_template_that_could_do_more_is_refused_when_it_is_registered(text: str) -> None:
    with pytest.raises(BadPrompt):
        compiled(text)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("{{ input.missing }}", {}),
        ("{{ input.a.b.c }}", {"a": {}}),
        ("{{ input.__class__ }}", {}),
        ("{{ input['__class__'] }}", {}),
        ("{{ input[0].__init__.__globals__ }}", [[]]),
        ("{{ loop }}", {}),
        ("{{ input * 1000000000 }}", "a"),
        ("{{ '%1000000000d' % input }}", 1),
        ("{{ input + input }}", [1]),
        ("{{ input * input }}", 1 << 70),
        ("{{ 1 / input }}", 0),
        ("{{ input|join(input) }}", "x" * 5_000),
        ("{{ " + "input ~ " * 60 + "'' }}", LONG),
        ("{{ input }}{{ input }}", LONG),
        ("{% for a in input %}{% for b in input %}{% endfor %}{% endfor %}", list(range(1_000))),
        ("{{ input|round }}", "x"),
        ("{{ input|sort }}", [1, "a"]),
        ("{{ input|truncate(-1) }}", "x"),
        ("{{ input|tojson }}", {"x": 1j}),
    ],
)
def test_a_template_ends_soon_whatever_it_is_given(text: str, given: object) -> None:
    began = time.process_time()

    with pytest.raises(BadPrompt):
        filled(text, given)

    assert time.process_time() - began < 2


def test_the_time_of_a_template_is_bounded() -> None:
    ticks = iter(range(10_000))

    with pytest.raises(BadPrompt, match="too long"):
        render("{% for a in input %}{{ a }}{% endfor %}", {"input": [1, 2, 3]},
               lambda: float(next(ticks)))  # fmt: skip


def test_the_prompt_of_the_capability_goes_before_that_for_all() -> None:
    prompts = {
        "greet": Prompt("You are {{ agent.name }}.", "Greet {{ input.name }}.", "7"),
        "*": Prompt(user="Do {{ capability }}."),
    }

    own = said({"name": "Ann"}, "greet", prompts=prompts)
    other = said({"name": "Ann"}, "leave", prompts=prompts, description="A host.")

    assert (own.system, own.version) == ("You are gpt.", "7")
    assert own.messages == (Message("user", "Greet Ann."),)
    assert (other.system, other.messages) == ("A host.", (Message("user", "Do leave."),))


@pytest.mark.parametrize(
    ("given", "system", "user"),
    [
        ("Hello", "D", "Hello"),
        ({"text": "Hello"}, "D", "Hello"),
        ({"text": "a", "prompt": "Hello"}, "D", "Hello"),
        ({"n": 1, "text": 2}, "D", '{"n":1,"text":2}'),
        ([1, 2], "D", "[1,2]"),
        (None, "D", "null"),
    ],
)
def test_without_a_prompt_the_input_speaks(given: object, system: str, user: str) -> None:
    made = said(given, description="D")

    assert (made.system, made.messages) == (system, (Message("user", user),))


def test_messages_of_the_input_are_the_conversation() -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d"},
    ]

    made = said({"messages": turns}, description="D")

    assert made.system == "D\n\nBe kind."
    assert [one.text for one in made.messages] == ["a\nb", "c", "d"]


@pytest.mark.parametrize(
    "turns",
    [[], "x", [1], [{"role": "user"}], [{"role": "tool", "content": "x"}],
     [{"role": "user", "content": [{"type": "image"}]}], [{"role": "system", "content": "x"}],
     [{"role": "user", "content": "x"}] * 1_001, [{"role": "user", "content": LONG}] * 2],
)  # fmt: skip
def test_messages_that_are_none_are_the_callers_mistake(turns: object) -> None:
    with pytest.raises(BadPrompt):
        said({"messages": turns})


def test_the_tasks_schema_wins_then_the_capabilitys_then_the_prompts() -> None:
    task, capability, prompt = ({"title": name} for name in ("task", "capability", "prompt"))
    about: dict[str, Any] = {"prompts": {"*": Prompt(user="x", output_schema={**prompt})}}
    declared = about | {"capabilities": (Capability("c", output_schema={**capability}),)}

    assert said({}, "c", {**task}, **declared).schema == task
    assert said({}, "c", **declared).schema == capability
    assert said({}, "c", **about).schema == prompt
    assert said({}, "c").schema is None
    assert said({}, "c", capabilities=(Capability("c", output_types=("json",)),)).schema == {}


def test_what_the_built_in_agents_do_has_prompts_of_its_own() -> None:
    made = said({"text": "{{ input }}"}, "sentiment_analysis", description="Unused.")
    labels = said({"text": "x", "labels": {"{{ a }}": ["b"]}, "analysis_type": "intent"},
                  "text_analysis")  # fmt: skip
    unlike = said({"words": []}, "sentiment_analysis", description="Used.")

    assert made.messages == (Message("user", "{{ input }}"),)
    assert "sounds" in made.system
    assert made.schema is not None
    assert "one of {{ a }};" in labels.system
    assert (unlike.system, unlike.schema) == ("Used.", None)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 1.5|round(100000000, 'ceil') }}",
        "{{ 1.5|round(input.n, 'floor') }}",
        "{{ [" + ",".join(["input.t|title"] * 50) + "]|length }}",
        "{{ [" + ",".join(["input.t.title()"] * 50) + "]|length }}",
        "{{ [" + ",".join(["input.t|wordcount"] * 50) + "]|length }}",
    ],
)
def test_filters_that_cost_much_end_in_time(text: str) -> None:
    began = time.process_time()

    with pytest.raises(BadPrompt):
        filled(text, {"n": 10**9, "t": "aB c " * 200_000})

    assert time.process_time() - began < 3


def test_every_filter_that_is_known_works() -> None:
    text = "{{ input.l|first }}{{ input.l|sort|last }}{{ input.l|max }}{{ input.l|list|length }}"

    assert filled(text, {"l": [2, 1]}) == "2222"
    assert filled("{{ 2.567|round(1) }}{{ 'a b c'|truncate(2, true, '', 0) }}") == "2.6a "
