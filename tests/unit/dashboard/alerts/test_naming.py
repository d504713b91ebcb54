"""Names of webhooks in what alerts say."""

from orchestra.dashboard.alerts.naming import with_names

ONE = "whk_01a2098c-bffb-73bc-9b94-e1c281765e2c"


def test_a_webhook_is_called_by_its_name() -> None:
    told = with_names(f"{ONE}: only 4 % of deliveries arrive", {ONE: r"ERP \1"})

    assert told == r"ERP \1: only 4 % of deliveries arrive"


def test_what_nobody_named_keeps_its_id() -> None:
    other = ONE.replace("2c", "2d")

    assert with_names(f"{other} fails", {ONE: "ERP"}) == f"{other} fails"
    assert with_names(f"{ONE} fails", {ONE: ""}) == f"{ONE} fails"
    assert with_names("mail: 38 dead letters", {ONE: "ERP"}) == "mail: 38 dead letters"
