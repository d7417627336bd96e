"""In other languages, too, how a sentence begins or a noun is written makes no name of a word."""

from __future__ import annotations

import pytest

from analysis_worker.privacy.detector import Detector

DEBATES = {
    "German": (
        "Wir sollten handeln, weil die Straße im Sommer zu heiß ist. Die Stadt hat genug Geld dafür.",
        "Das ist falsch. Der Haushalt reicht nicht. Außerdem will die Regierung keine Verantwortung.",
    ),
    "French": (
        "Pourtant, personne ne bouge. Nous voulons des arbres et de l'ombre.",
        "Vous avez tort. Cela coûte trop cher.",
    ),
    "Spanish": ("Nadie hace nada. Pero usted no lo sabe.", "Usted no tiene razón. Además es muy caro."),
    "Italian": (
        "Noi non siamo ricchi. Questo è un problema per tutti.",
        "Perché non lo dice? Anche loro sono qui.",
    ),
    "Portuguese": ("Ninguém faz nada. Isso não é justo para eles.", "Mas você não tem razão. Também é caro."),
    "Dutch": ("Wij willen meer bomen, omdat het hier warm is.", "Nee, dat is te duur. Volgens mij niet."),
    "Polish": ("Nie chcemy tego, bo to jest drogie. Jednak on się nie zgadza.", "To jest dobre dla miasta."),
    "Swedish": ("Vi vill ha fler träd. Det är för varmt här.", "Nej, det är inte bra. Varför ska vi betala?"),
    "Danish": (
        "Vi vil have flere træer. Det er for varmt her.",
        "Nej, det er ikke godt. Hvorfor skal vi betale?",
    ),
}


def names_in(said: tuple[str, ...]) -> list[str]:
    detector = Detector(said)
    return [text[span.start : span.end] for text in said for span in detector.find(text)]


@pytest.mark.parametrize("language", DEBATES)
def test_what_sentences_begin_with_is_no_name(language: str) -> None:
    assert names_in(DEBATES[language]) == []


@pytest.mark.parametrize("language", DEBATES)
@pytest.mark.parametrize("name", ["Gisela Tannhausenberg", "Brankovitz"])
def test_a_stranger_is_found_all_the_same(language: str, name: str) -> None:
    first, second = DEBATES[language]
    begins = first.split()[0]
    assert names_in((first, f"{second} {begins} {name}, {name}!")) == [name, name]


def test_what_begins_sentences_elsewhere_is_a_name_in_english() -> None:
    said = ("The dog was there with them. Dan came, and Ella. That is not what you have.",)
    assert names_in(said) == ["Dan", "Ella"]


def test_a_german_noun_behind_a_title_is_a_name_wherever_it_stands() -> None:
    said = ("Die Brücke ist alt, und der Müller sagt das nicht. Herr Müller weiß es, weil er dort wohnt.",)
    assert names_in(said) == ["Müller", "Müller"]
