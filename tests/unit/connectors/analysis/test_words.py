from orchestra.connectors.analysis.words import SENTENCES_MAX, pieces, sentences, words


def test_words_keep_apostrophes_and_hyphens_inside() -> None:
    assert words("It’s a 2-seat, well-made 'sofa'!") == ["it's", "a", "seat", "well-made", "sofa"]


def test_sentences_end_at_marks_and_blank_lines_but_not_at_titles() -> None:
    text = "Mr. Brennan came. It was late! Was it?\n\nYes\n- no\n- never"

    assert sentences(text) == [
        *("Mr. Brennan came.", "It was late!", "Was it?", "Yes", "- no", "- never"),
    ]


def test_sentences_are_bounded() -> None:
    assert len(sentences("So. " * 5_000)) == SENTENCES_MAX
    assert sentences("") == []


def test_pieces_give_the_text_back() -> None:
    for text in ("", "short", "word " * 20_000, "x" * 50_000):
        cut = list(pieces(text))

        assert "".join(piece for _, piece in cut) == text
        assert all(text[at : at + len(piece)] == piece for at, piece in cut)
