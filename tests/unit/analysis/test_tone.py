"""Tone tells kind words from harsh ones, towards the right person, and nothing about positions."""

from __future__ import annotations

from analysis_worker.domain.result import Tone
from analysis_worker.engines.local.document import prepare
from analysis_worker.engines.local.tone import analyze_tone
from support.analysis import debate

_KIND = "I love this wonderful idea. It is a great and beautiful plan."
_HARSH = "I hate this terrible idea. It is a horrible and disgusting plan."


def _mean(tone: Tone, who: str) -> float:
    value = next(own.mean.value for own in tone.participants if own.participant_id == who)
    assert value is not None
    return value


def test_kind_words_sound_better_than_harsh_ones() -> None:
    tone = analyze_tone(prepare(debate(("ada", _KIND), ("ben", _HARSH))))
    assert _mean(tone, "ada") > 0.5
    assert _mean(tone, "ben") < -0.5
    assert tone.asymmetry.value is not None
    assert tone.asymmetry.value > 1
    assert [point.valence for point in tone.series] == [_mean(tone, "ada"), _mean(tone, "ben")]
    ben = tone.participants[1]
    assert ben.negative_share.value == 1
    assert [peak.quote for peak in ben.peaks] == [
        "I hate this terrible idea.",
        "It is a horrible and disgusting plan.",
    ]


def test_a_long_turn_does_not_saturate() -> None:
    """Averaged by sentence, forty mild sentences stay mild; scored as one text they would end near 1."""
    mild = " ".join(["The plan is good."] * 40)
    tone = analyze_tone(prepare(debate(("ada", mild), ("ben", "The plan is good."))))
    assert _mean(tone, "ada") == _mean(tone, "ben") < 0.6


def test_a_turn_is_directed_at_whom_it_names_or_else_at_whom_it_follows() -> None:
    tone = analyze_tone(
        prepare(
            debate(
                ("ada", "The plan is here."),
                ("ben", f"Carla, {_HARSH}"),
                ("carla", _KIND),
                ("ada", "Good."),
            )
        )
    )
    towards = {(pair.source, pair.target): pair.mean.value for pair in tone.directed}
    assert set(towards) == {("ben", "carla"), ("carla", "ben"), ("ada", "carla")}
    assert (towards["ben", "carla"] or 0) < 0 < (towards["carla", "ben"] or 0)


def test_a_trend_needs_five_turns_and_shows_the_direction() -> None:
    said = [("ada", text) for text in (_KIND, "It is good.", "It is here.", "It is bad.", _HARSH)]
    tone = analyze_tone(prepare(debate(*said, ("ben", _KIND))))
    ada, ben = tone.participants
    assert ada.trend.value is not None
    assert ada.trend.value < 0
    assert ben.trend.value is None
    assert ben.trend.note == "needs 5 turns of the speaker"


def test_the_moderator_is_in_no_number() -> None:
    with_chair = analyze_tone(prepare(debate(("chair", _HARSH), ("ada", _KIND), ("ben", "It is here."))))
    without = analyze_tone(prepare(debate(("ada", _KIND), ("ben", "It is here."))))
    assert with_chair.overall == without.overall
    assert len(with_chair.series) == 2


def test_another_language_has_no_tone() -> None:
    german = "Ich liebe diesen Vorschlag, weil er wirklich großartig ist und niemandem schadet."
    tone = analyze_tone(prepare(debate(("ada", german), ("ben", german), language="de")))
    assert tone.overall.value is None
    assert tone.overall.note == "the tone lexicon is English"
    assert tone.series == ()
