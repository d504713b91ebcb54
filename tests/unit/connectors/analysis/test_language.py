import pytest

from orchestra.connectors.analysis.language import UNKNOWN, guess


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I'm disappointed with my recent order", "en"),
        ("Please cancel my subscription immediately", "en"),
        ("Die Bestellung ist immer noch nicht da", "de"),
        ("Merci beaucoup, c'est parfait", "fr"),
        ("¿Dónde está mi pedido?", "es"),
        ("Dove è il mio ordine? Non ho ricevuto nulla", "it"),
        ("Não recebi meu pedido ainda, onde está?", "pt"),
        ("Waar is mijn bestelling? Ik heb nog niets ontvangen", "nl"),
        ("Var är mitt paket? Jag har inte fått något", "sv"),
        ("Gdzie jest moje zamówienie? Nie mam go od tygodnia", "pl"),
        ("Siparişim neden hâlâ gelmedi?", "tr"),
        ("Где мой заказ?", "ru"),
        ("Онде мій пакунок, його немає", "uk"),
        ("注文した商品がまだ届いていません。", "ja"),
        ("我的包裹在哪里?", "zh"),
        ("내 주문은 어디에 있나요?", "ko"),
        ("أين طلبي؟", "ar"),
        ("Πού είναι η παραγγελία μου;", "el"),
    ],
)
def test_a_sentence_is_enough(text: str, language: str) -> None:
    assert guess(text).language == language


@pytest.mark.parametrize("text", ["", "12345", "ok", "!!!", "\0"])
def test_what_nobody_can_tell_is_undetermined(text: str) -> None:
    assert (guess(text).language, guess(text).confidence) == (UNKNOWN, 0.0)


def test_a_foreign_name_does_not_make_a_text_foreign() -> None:
    assert guess("Hello, my name is 田中 and I have not received the parcel yet").language == "en"


def test_more_evidence_is_more_confidence() -> None:
    assert guess("the lamp").confidence < guess("the lamp is not what I have ordered").confidence
