"""Rules as fields of a form."""

from typing import Any

from orchestra.dashboard.alerts import contacts, rule_form, silences
from orchestra.dashboard.alerts.one import episodes_of, leads_of
from orchestra.dashboard.alerts.rule_form import KINDS, OF_KIND, body_of, groups, prefilled, shown
from orchestra.dashboard.sheets import Sheet, filled, fresh, typed

RULE: dict[str, Any] = {
    "id": "alr_1", "built_in": False, "name": "Errors", "kind": "threshold", "metric": "m",
    "agg": "ratio", "of": {"outcome": "failed"}, "by": ["agent"],
    "where": {"agent": ["a", "b"]}, "window": "5m", "op": ">", "threshold": 0.1, "recover": 0.05,
    "min_samples": 20, "no_data": "ok", "scope": "tenant", "for": "2m", "keep_firing": "5m",
    "severity": "critical", "enabled": True, "labels": {"team": "x"}, "summary": "s",
    "runbook": "", "notify": ["con_1"], "group_by": ["rule"], "group_wait": "30s", "repeat": "4h",
}  # fmt: skip


BUILT_IN = RULE | {"built_in": True}


def form_of(rule: dict[str, Any], **changed: str) -> Sheet:
    """The form of a rule, with something else typed into it."""
    sheet = filled(groups(fixed=rule if rule["built_in"] else None), shown(rule))
    sheet.values |= changed
    return sheet


def test_a_rule_comes_back_from_the_form_as_it_was() -> None:
    sent = body_of(form_of(RULE))

    assert sent == {name: RULE[name] for name in RULE if name not in ("id", "built_in", "runbook")}


def test_what_goes_without_saying_is_not_said_and_contacts_are_named() -> None:
    plain = RULE | {
        "recover": 0.1,
        "min_samples": 0,
        "keep_firing": "1m",
        "notify": ["con_1", "gone"],
    }
    sheet = filled(groups(), shown(plain, [{"id": "con_1", "name": "oncall"}]))

    assert (sheet.values["recover"], sheet.values["min_samples"]) == ("", "")
    assert sheet.values["notify"] == "oncall\ngone"
    assert not sheet.opened(next(one for one in sheet.groups if "over" in one.title))


def test_each_kind_sends_only_what_it_has() -> None:
    for kind, _ in KINDS:
        sent = body_of(form_of(RULE, kind=kind, query="boom", offset="7d", objective="99 %"))

        other = {name for names in OF_KIND.values() for name in names} - set(OF_KIND[kind])
        assert not other & sent.keys(), kind
    assert body_of(form_of(RULE, kind="burn_rate", objective="99 %"))["objective"] == 0.99


def test_every_member_of_a_kind_has_a_field() -> None:
    fields = {one.name for one in fresh(groups()).entries}

    assert fields == {*rule_form.ALWAYS, *(name for names in OF_KIND.values() for name in names)}


def test_a_built_in_rule_keeps_what_it_watches() -> None:
    sheet = form_of(BUILT_IN, threshold="0.5")
    assert not {one.name for one in sheet.entries} & {"metric", "name", "op"}
    sent = body_of(typed(sheet.groups, sheet.values | {"metric": "other", "name": "x"}), BUILT_IN)

    assert (sent["metric"], sent["name"], sent["threshold"]) == ("m", "Errors", 0.5)


def test_a_built_in_rule_asks_only_for_what_its_kind_has() -> None:
    absent = {**BUILT_IN, "kind": "absent"}

    assert "threshold" not in {one.name for one in form_of(absent).entries}


def test_a_chart_fills_the_form() -> None:
    values = prefilled([("metric", "m"), ("where", "a:b"), ("where", "c:d=e"), ("evil", "x")])

    assert values["where"] == "a=b\nc=d=e"
    assert values["name"] == "m"
    assert "evil" not in values


def test_matchers_are_read_line_by_line() -> None:
    def read(text: str) -> list[dict[str, Any]]:
        return silences.matchers_of(typed(silences.FIELDS, {"matchers": text}))

    assert read("agent=gpt*\nseverity!=critical\n\nnonsense") == [
        {"label": "agent", "op": "=", "value": "gpt*"},
        {"label": "severity", "op": "!=", "value": "critical"},
        {"label": "nonsense", "op": "=", "value": ""},
    ]
    assert read("a=b!=c") == [{"label": "a", "op": "=", "value": "b!=c"}]


def test_an_address_nobody_typed_anew_stays() -> None:
    before = {"kind": "slack", "url": "https://a/secret"}

    def sent(**given: str) -> dict[str, Any]:
        return contacts.body_of(typed(contacts.fields(before), {"name": "n", **given}), before)

    assert sent()["url"] == "https://a/secret"
    assert sent(url="https://b")["url"] == "https://b"
    assert sent()["kind"] == "slack"


def test_addresses_may_stand_on_one_line() -> None:
    sheet = typed(contacts.fields(), {"kind": "email", "to": "a@b.c, d@e.f\ng@h.i", "url": "x"})
    sent = contacts.body_of(sheet, None)

    assert sent["to"] == ["a@b.c", "d@e.f", "g@h.i"]
    assert "url" not in sent


def test_firings_are_read_from_what_was_said() -> None:
    said = [
        {"type": "alert.fired", "at": "t5"},
        {"type": "alert.resolved", "at": "t4"},
        {"type": "alert.acknowledged", "at": "t3"},
        {"type": "alert.fired", "at": "t2"},
    ]

    assert episodes_of({"fired_at": "t5"}, said) == [
        {"fired_at": "t5", "resolved_at": None},
        {"fired_at": "t2", "resolved_at": "t4"},
    ]


def test_labels_lead_to_what_they_name_and_to_nowhere_else() -> None:
    hrefs = [href for href, _, _ in leads_of({"queue": "../x?y", "shop": "berlin"})]

    assert hrefs[0] == "/queues/..%2Fx%3Fy"
    assert all(href.startswith(("/queues/", "/logs?")) for href in hrefs)
