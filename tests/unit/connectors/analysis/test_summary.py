from orchestra.connectors.analysis.summary import summary

TEXT = (
    "My coffee machine broke after two weeks. The weather is fine here. I wrote to support about "
    "the broken coffee machine twice. Please send a new coffee machine or refund the machine. Bye."
)


def test_the_summary_is_sentences_of_the_text_in_its_order() -> None:
    told, share = summary(TEXT, 2)

    assert [sentence.index for sentence in told] == sorted(sentence.index for sentence in told)
    assert all(sentence.text in TEXT and "machine" in sentence.text for sentence in told)
    assert 0.4 < share <= 1


def test_a_short_text_is_its_own_summary() -> None:
    told, share = summary("Only one sentence.", 3)

    assert ([sentence.text for sentence in told], share) == (["Only one sentence."], 1.0)


def test_ranks_are_a_distribution() -> None:
    told, share = summary(TEXT, 100)

    assert round(sum(sentence.score for sentence in told), 2) == share == 1.0


def test_nothing_has_an_empty_summary() -> None:
    assert summary("") == ((), 0.0)


def test_a_long_text_is_summed_up_by_its_beginning() -> None:
    told, _ = summary("The lamp is late. The box was wet. " * 2_000, 2)

    assert all(sentence.index < 200 for sentence in told)
