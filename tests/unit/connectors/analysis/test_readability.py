import pytest

from orchestra.connectors.analysis.readability import readability


def test_the_figures_follow_flesch_and_kincaid() -> None:
    figures = readability("The cat sat on the mat. It was happy.")

    assert (figures.words, figures.sentences, figures.syllables) == (9, 2, 10)
    assert figures.reading_ease == pytest.approx(206.835 - 1.015 * 4.5 - 84.6 * 10 / 9, abs=0.05)
    assert figures.grade == pytest.approx(0.39 * 4.5 + 11.8 * 10 / 9 - 15.59, abs=0.05)
    assert figures.level == "very easy"


def test_long_words_in_long_sentences_are_hard() -> None:
    text = (
        "Notwithstanding the aforementioned considerations, organisational responsibilities "
        "necessitate comprehensive documentation of all administrative proceedings."
    )

    assert readability(text).level == "very difficult"


def test_a_text_without_words_is_empty() -> None:
    assert readability("123 !?").level == readability("").level == "empty"
