import msgspec
import pytest

from orchestra.connectors.analysis.sentiment import probabilities, sentiment


def test_the_first_text_of_the_demo_gives_what_is_written_in_the_design() -> None:
    answer = sentiment("I'm disappointed with my recent order...")

    assert msgspec.json.decode(msgspec.json.encode(answer)) == {
        "sentiment": "negative",
        "score": -0.4767,
        "confidence": 0.9,
        "probabilities": {"negative": 0.9, "neutral": 0.1, "positive": 0.0},
        "highlights": [{"text": "disappointed", "score": -2.1}],
        "method": "lexicon",
        "language": "en",
    }


@pytest.mark.parametrize("hundredths", range(-100, 101, 3))
def test_probabilities_sum_to_one_and_agree_with_the_label(hundredths: int) -> None:
    compound = hundredths / 100
    shares = probabilities(compound)

    label = "neutral" if abs(compound) < 0.05 else "negative" if compound < 0 else "positive"
    assert round(sum(shares.values()), 9) == 1
    assert shares[label] == max(shares.values())


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_an_empty_text_is_neutral_without_confidence(text: str) -> None:
    answer = sentiment(text)

    assert (answer.sentiment, answer.score, answer.confidence) == ("neutral", 0.0, 0.0)
    assert answer.highlights == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Die Lieferung ist da, und die Farbe ist genau die richtige für mich", "de"),
        ("Je veux annuler ma commande et être remboursé", "fr"),
        ("注文した商品がまだ届いていません。", "ja"),
    ],
)
def test_another_language_is_not_rated_with_english_words(text: str, language: str) -> None:
    answer = sentiment(text)

    assert (answer.sentiment, answer.confidence, answer.language) == ("neutral", 0.0, language)
    assert answer.note is not None


def test_highlights_name_each_word_once_the_strongest_first() -> None:
    answer = sentiment("Nice, nice, and EXTREMELY awful. nice, but awful, awful!")

    words = [highlight.text.lower() for highlight in answer.highlights]
    strengths = [abs(highlight.score) for highlight in answer.highlights]
    assert sorted(words) == ["awful", "nice"]
    assert strengths == sorted(strengths, reverse=True)
