"""What holds for a language is said; what does not is left out, turn by turn, and says why."""

from __future__ import annotations

from analysis_worker.domain.result import (
    Arguments,
    Dimension,
    Interaction,
    Linguistics,
    Metric,
    ParticipantMetrics,
    Tone,
)
from analysis_worker.engines.local.engine import LocalEngine
from support.analysis import analysed, debate

_ENGLISH = (
    "I think that we should close the old harbour, because the walls are broken and nobody wants to pay "
    "for them. "
    "It is a terrible waste of money, and the people who live there have said so for years."
)
_GERMAN = (
    "Ich hasse diese furchtbare Idee, weil die Mauern seit Jahren brüchig sind und die ganze Stadt darunter "
    "leidet, "
    "und weil niemand von Ihnen dafür bezahlen will."
)
_SPANISH = (
    "Creo que debemos cerrar el viejo puerto, porque los muros están rotos y nadie quiere pagar por ellos. "
    "Además, los vecinos llevan años pidiendo una solución, y el ayuntamiento no les ha hecho caso nunca. "
    "Por eso pienso que el dinero debería ir primero a las escuelas del barrio, y después a los barcos."
)
_JAPANESE = "港を閉じるべきだ。壁が古くて危ないからだ。町の人々は長い間それを望んできた。" * 4


def _metrics(of: ParticipantMetrics) -> dict[str, Metric]:
    return {named.name: named.metric for named in of.metrics}


def test_a_turn_in_another_language_is_named_and_left_out_of_what_is_english() -> None:
    # Given an English debate in which one turn is German
    said = [("ada", _ENGLISH), ("ben", _ENGLISH)] * 3
    mixed = debate(*said, ("ben", _GERMAN), language="")
    engine = LocalEngine()
    overview = engine.overview(engine.prepare(mixed))
    assert overview.language == "en"
    assert [(turn.turn_id, turn.language) for turn in overview.turn_languages] == [("t7", "de")]
    # Then it moves no number that English words make
    plain, found = analysed(debate(*said, language="")), analysed(mixed)
    tone, before = found[Dimension.TONE], plain[Dimension.TONE]
    assert isinstance(tone, Tone)
    assert isinstance(before, Tone)
    assert tone.participants == before.participants
    arguments = found[Dimension.ARGUMENTS]
    assert isinstance(arguments, Arguments)
    assert "t7" not in {component.evidence.turn_id for component in arguments.components}
    after, once = found[Dimension.LINGUISTICS], plain[Dimension.LINGUISTICS]
    assert isinstance(after, Linguistics)
    assert isinstance(once, Linguistics)
    ben, alone = _metrics(after.participants[1]), _metrics(once.participants[1])
    for name in ("flesch_kincaid_grade", "hedges", "boosters", "connectives", "evidence_markers"):
        assert ben[name] == alone[name]
    # But it was spoken
    assert (ben["words"].value or 0) > (alone["words"].value or 0)


def test_a_short_turn_or_a_quoted_phrase_changes_no_language() -> None:
    engine = LocalEngine()
    quoted = f"{_ENGLISH} As they say in Berlin: Übung macht den Meister."
    document = engine.prepare(debate(("ada", quoted), ("ben", "Nein, danke schön."), language="en"))
    assert engine.overview(document).turn_languages == ()


def test_a_debate_in_spanish_has_its_vocabulary_and_shares() -> None:
    found = analysed(debate(("ada", _SPANISH), ("ben", _SPANISH), language=""))
    linguistics, interaction = found[Dimension.LINGUISTICS], found[Dimension.INTERACTION]
    assert isinstance(linguistics, Linguistics)
    assert isinstance(interaction, Interaction)
    ada = _metrics(linguistics.participants[0])
    assert ada["mattr50"].value is not None
    assert ada["hdd42"].value is not None
    assert ada["words_per_sentence"].value is not None
    assert ada["flesch_kincaid_grade"].note == "defined for English only"
    assert interaction.balance.value == 1
    assert _metrics(interaction.participants[0])["politeness"].note == "the politeness lexicon is English"


def test_a_script_without_spaces_has_no_measures_of_words() -> None:
    found = analysed(debate(("ada", _JAPANESE), ("ben", _JAPANESE), language=""))
    linguistics, interaction = found[Dimension.LINGUISTICS], found[Dimension.INTERACTION]
    assert isinstance(linguistics, Linguistics)
    assert isinstance(interaction, Interaction)
    ada = _metrics(linguistics.participants[0])
    for name in ("words_per_sentence", "mattr50", "mtld", "hdd42"):
        assert ada[name].value is None
        assert ada[name].note == "the script does not separate words"
    assert ada["words"].note == "each character of the script counts as a word"
    assert interaction.responsiveness.note == "the script does not separate words"
    assert interaction.balance.value == 1
