from orchestra.connectors.analysis.keywords import keywords


def test_the_phrases_a_ticket_is_about_come_first() -> None:
    text = "The wireless keyboard has a broken space bar. Send me a wireless keyboard."

    found = keywords(text)

    assert found[0].text == "wireless keyboard"
    assert found[0].score == 1
    assert "broken space bar" in [keyword.text for keyword in found]


def test_scores_fall_and_the_limit_holds() -> None:
    text = " and ".join(f"{word} lamp" for word in ("red", "green", "blue", "black", "white"))

    scores = [keyword.score for keyword in keywords(text, 3)]

    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_nothing_but_stop_words_has_no_keyword() -> None:
    assert keywords("") == ()
    assert keywords("it is what it is, 20 of 30") == ()


def test_a_hostile_text_is_read() -> None:
    assert len(keywords("lamp shade " * 100_000)) >= 1
