from orchestra.dashboard.palette import score


def test_what_is_typed_is_found_by_its_beginning_its_middle_and_its_letters() -> None:
    assert score("orders", "", "") == 1.0
    whole, begun, word, middle, letters = (
        score("orders", "", "orders"), score("orders eu", "", "orders"),
        score("all orders", "", "orders"), score("reorders", "", "orders"),
        score("on red servers", "", "orders"),
    )  # fmt: skip
    assert whole > begun > word > middle > letters > 0
    assert score("orders", "", "x") == score("orders", "", "sredro") == 0
    assert score("pay", "Take the money", "money") > 0
    assert score("Run orders", "", "run ord") > score("Edit orders", "", "run ord")
