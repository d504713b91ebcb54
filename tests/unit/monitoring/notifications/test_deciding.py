"""What a contact is told of alerts, and when."""

import itertools
import random

import msgspec
import pytest
from alert_tales import BEGAN_MS, CONTACT, HOUR, MINUTE, Tale, kinds, names

from orchestra.monitoring.notifications.deciding import Known, looked
from orchestra.monitoring.notifications.records import MEMBERS_MAX, SHOWN_MAX


def test_what_fires_is_told_after_the_wait_and_its_end_once() -> None:
    tale = Tale()
    tale.hears("alert.fired")
    early, later = tale.passes(29), tale.passes(1)
    tale.hears("alert.resolved")
    end, silence = tale.passes(MINUTE), tale.passes(48 * HOUR)

    assert (early, kinds(later), kinds(end), silence) == ([], ["firing"], ["resolved"], [])
    assert tale.group.due_ms is None


def test_what_fires_together_is_one_letter() -> None:
    tale = Tale()
    for second in range(10):
        tale.hears("alert.fired", f"alr_1.{second}")
        tale.passes(1)
    [letter] = tale.passes(MINUTE)

    assert names(letter) == [f"alr_1.{second}" for second in range(10)]


def test_what_ends_before_it_is_told_is_not_told() -> None:
    tale = Tale()
    tale.hears("alert.fired")
    tale.passes(10)
    tale.hears("alert.resolved")

    assert tale.passes(8 * HOUR) == []


def test_a_word_that_comes_again_is_not_heard_again() -> None:
    tale = Tale()
    said = [("alert.fired", BEGAN_MS), ("alert.acknowledged", BEGAN_MS + 60_000)]
    said.append(("alert.resolved", BEGAN_MS + 120_000))
    for kind, at_ms in said:
        assert tale.hears(kind, at_ms=at_ms)
        tale.passes(MINUTE)
    again = [tale.hears(kind, at_ms=at_ms) for kind, at_ms in said]

    assert again == [False, False, False]
    assert kinds(tale.letters) == ["firing", "resolved"]
    assert tale.passes(HOUR) == []


def test_what_goes_on_is_said_again_every_repeat_until_somebody_sees_to_it() -> None:
    tale = Tale()
    tale.hears("alert.fired", repeat_s=HOUR)
    tale.passes(3.5 * HOUR)
    told = kinds(tale.letters)
    tale.hears("alert.acknowledged")
    after = tale.passes(12 * HOUR)
    tale.hears("alert.resolved")

    assert told == ["firing", "repeat", "repeat", "repeat"]
    assert [one.number for one in tale.letters] == [0, 1, 2, 3]
    assert after == []
    assert kinds(tale.passes(HOUR)) == ["resolved"]


def test_a_repeat_names_those_that_nobody_sees_to() -> None:
    tale = Tale()
    tale.hears("alert.fired", "alr_1.a")
    tale.hears("alert.fired", "alr_1.b")
    tale.passes(HOUR)
    tale.hears("alert.acknowledged", "alr_1.a")
    [letter] = tale.passes(4 * HOUR)

    assert (letter.kind, names(letter)) == ("repeat", ["alr_1.b"])


def test_every_letter_has_an_id_of_its_own_and_the_same_decision_the_same() -> None:
    tale = Tale()
    for _ in range(3):
        tale.hears("alert.fired", repeat_s=HOUR)
        tale.passes(5 * HOUR)
        tale.hears("alert.fired", "alr_1.b", repeat_s=HOUR)
        tale.passes(5 * HOUR)
        tale.hears("alert.resolved")
        tale.hears("alert.resolved", "alr_1.b")
        tale.passes(HOUR)
    ids = [one.id for one in tale.letters]
    tale.hears("alert.fired", "alr_1.c")
    before = tale.group
    known = Known(tale.now_ms + 60_000, CONTACT, [], dict(tale.firing))
    twice = [looked(before, known)[1][0].id for _ in range(2)]

    assert len(set(ids)) == len(ids) > 20
    assert twice[0] == twice[1]


def test_of_what_is_silenced_nothing_is_said_until_it_is_over() -> None:
    tale = Tale()
    tale.silence(2 * HOUR, agent="a")
    tale.hears("alert.fired", "alr_1.a")
    tale.hears("alert.fired", "alr_1.b")
    others = tale.passes(HOUR)
    meanwhile = tale.passes(HOUR - 30)
    [back] = tale.passes(MINUTE)

    assert [names(one) for one in others] == [["alr_1.b"]]
    assert meanwhile == []
    assert (back.kind, names(back)) == ("unsilenced", ["alr_1.a"])


def test_what_was_told_before_is_told_again_when_its_silence_is_over() -> None:
    tale = Tale()
    tale.hears("alert.fired")
    tale.passes(HOUR)
    tale.silence(6 * HOUR, alertname="Agent errors")
    during = tale.passes(5.5 * HOUR)
    after = tale.passes(HOUR)

    assert during == []
    assert kinds(after) == ["unsilenced"]


def test_what_ends_while_it_is_silenced_is_told_when_the_contact_thinks_it_fires() -> None:
    known, unknown = Tale(), Tale()
    known.hears("alert.fired")
    known.passes(HOUR)
    for tale in (known, unknown):
        tale.silence(2 * HOUR, agent="a")
        tale.hears("alert.fired", at_ms=tale.now_ms, episode=1)
        tale.passes(HOUR)
        tale.hears("alert.resolved")
        assert tale.passes(HOUR - 60) == []
    after = [kinds(tale.passes(HOUR)) for tale in (known, unknown)]

    assert after == [["resolved"], []]


def test_something_critical_mutes_the_warning_with_the_same_labels() -> None:
    tale = Tale()
    labels = {"agent": "gpt"}
    tale.hears("alert.fired", "alr_1.a", labels=labels)
    tale.hears("alert.fired", "alr_2.a", labels=labels, severity="critical")
    [first] = tale.passes(MINUTE)
    tale.hears("alert.resolved", "alr_2.a", labels=labels, severity="critical")
    later = tale.passes(MINUTE)

    assert names(first) == ["alr_2.a"]
    assert [name for one in later for name in names(one)] == ["alr_1.a", "alr_2.a"]


def test_without_labels_nothing_is_muted_but_by_the_same_metric() -> None:
    tale = Tale()
    tale.hears("alert.fired", "alr_1.a", labels={})
    tale.hears("alert.fired", "alr_2.a", labels={}, severity="critical")
    other = {name: msgspec.structs.replace(one, metric=name) for name, one in tale.firing.items()}
    same = {name: msgspec.structs.replace(one, metric="m") for name, one in tale.firing.items()}
    known = [Known(tale.now_ms + 60_000, CONTACT, [], firing) for firing in (other, same)]
    told = [names(looked(tale.group, one)[1][0]) for one in known]

    assert told == [["alr_2.a", "alr_1.a"], ["alr_2.a"]], "the gravest first"


def test_what_flaps_is_two_letters() -> None:
    tale = Tale()
    for n in range(4):
        tale.hears("alert.fired", episode=n)
        tale.passes(2 * MINUTE)
        tale.hears("alert.resolved", episode=n)
        tale.passes(2 * MINUTE)
    before = len(tale.letters)
    tale.hears("alert.flapping", episode=5)
    begun = tale.passes(HOUR)
    tale.hears("alert.resolved", episode=5)
    over = tale.passes(HOUR)

    assert before == 8
    assert (kinds(begun), kinds(over)) == (["flapping"], ["resolved"])


def test_what_flapped_and_goes_on_firing_is_said_to_have_settled() -> None:
    tale = Tale()
    tale.hears("alert.flapping")
    tale.passes(HOUR)
    still = len(tale.letters)
    tale.firing["alr_1.a"] = msgspec.structs.replace(tale.firing["alr_1.a"], flapping=False)
    [settled] = tale.passes(5 * MINUTE)

    assert still == 1
    assert settled.kind == "settled"
    assert settled.lines[0].firing


def test_an_alert_that_nobody_knows_any_more_has_ended() -> None:
    tale = Tale()
    tale.hears("alert.fired")
    tale.passes(MINUTE)
    tale.firing.clear()
    later = tale.passes(2 * HOUR)

    assert kinds(later) == ["resolved"]


def test_who_wants_no_ends_is_told_of_none() -> None:
    tale = Tale(msgspec.structs.replace(CONTACT, resolved=False))
    tale.hears("alert.fired")
    tale.passes(MINUTE)
    tale.hears("alert.resolved")

    assert tale.passes(8 * HOUR) == []
    assert kinds(tale.letters) == ["firing"]


def test_two_hundred_alerts_are_one_letter_that_names_twenty() -> None:
    tale = Tale()
    for n in range(MEMBERS_MAX + 50):
        tale.hears("alert.fired", f"alr_1.{n}")
    [letter] = tale.passes(MINUTE)

    assert len(tale.group.members) == MEMBERS_MAX
    assert (len(letter.lines), letter.more) == (SHOWN_MAX, MEMBERS_MAX - SHOWN_MAX)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_it_comes_to_rest_and_the_contact_knows_what_is(seed: int) -> None:
    chance, tale = random.Random(seed), Tale()
    alerts = [f"alr_{n}.{label}" for n, label in itertools.product(range(2), "ab")]
    episodes = dict.fromkeys(alerts, 0)
    for _ in range(120):
        alert = chance.choice(alerts)
        grave = "critical" if alert.startswith("alr_0") else "warning"
        match chance.randrange(5):
            case 0 | 1 if alert not in tale.firing:
                episodes[alert] += 1
                tale.hears("alert.fired", alert, episode=episodes[alert], severity=grave)
            case 2 if alert in tale.firing:
                tale.hears("alert.resolved", alert, episode=episodes[alert], severity=grave)
            case 3 if alert in tale.firing:
                tale.hears("alert.acknowledged", alert, episode=episodes[alert], severity=grave)
            case 4 if chance.random() < 0.2:
                tale.silence(chance.choice([60, 3_600]), agent=alert[-1])
            case _:
                pass
        tale.passes(chance.choice([1, 20, 45, 600]))
    tale.passes(2 * HOUR)
    for alert in list(tale.firing):
        tale.hears("alert.resolved", alert, episode=episodes[alert])
    tale.passes(2 * HOUR)

    last: dict[str, bool] = {}
    for letter in tale.letters:
        for line in letter.lines:
            last[line.alert] = line.firing
    assert not any(last.values()), "somebody thinks that something still fires"
    assert tale.group.due_ms is None
    assert tale.looks < 20_000
