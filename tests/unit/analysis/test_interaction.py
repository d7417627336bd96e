"""Who has the floor, who answers whom, and what capture times do and do not show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis_worker.domain.conversation import Conversation, Turn
from analysis_worker.domain.result import Basis, Interaction, Metric
from analysis_worker.engines.local.document import prepare
from analysis_worker.engines.local.interaction import analyze_interaction
from analysis_worker.engines.local.overlap import Overlap
from support.analysis import debate, example


def _metric(interaction: Interaction, who: str, name: str) -> Metric:
    metric = next(own.get(name) for own in interaction.participants if own.participant_id == who)
    assert metric is not None
    return metric


def _timed(*said: tuple[str, str, float | None, float | None]) -> Conversation:
    conversation = debate(*((speaker, text) for speaker, text, _, _ in said))
    turns = (
        replace(turn, start_s=start, end_s=end)
        for turn, (_, _, start, end) in zip(conversation.turns, said, strict=True)
    )
    return replace(conversation, turns=tuple(turns))


def test_balance_is_one_less_gini() -> None:
    # Shares of 3 and 1 words: Gini = |3 - 1| / (2 * 4) = 0.25.
    interaction = analyze_interaction(prepare(debate(("ada", "one two three"), ("ben", "four"))))
    assert interaction.balance.value == 0.75
    assert _metric(interaction, "ada", "word_share").value == 0.75
    # Entropy of (3/4, 1/4) is 0.8113 bits, of a possible 1.
    assert interaction.entropy.value == 0.8113


def test_equal_shares_are_balanced_whoever_moderates() -> None:
    interaction = analyze_interaction(
        prepare(debate(("chair", "a b c d e"), ("ada", "one two"), ("ben", "x y")))
    )
    assert interaction.balance.value == 1
    assert interaction.entropy.value == 1


def test_one_debater_alone_has_no_balance() -> None:
    interaction = analyze_interaction(prepare(debate(("ada", "one two three"), ("chair", "Thank you."))))
    assert interaction.balance.value is None
    assert interaction.balance.note == "needs two debaters, and one who speaks"


def test_the_turn_matrix_counts_who_follows_whom() -> None:
    said = [
        ("ada", "One."),
        ("ben", "Two."),
        ("ada", "Three."),
        ("ada", "Four."),
        ("ben", ""),
        ("chair", "Five."),
    ]
    pairs = analyze_interaction(prepare(debate(*said))).turn_matrix
    assert [(pair.source, pair.target, pair.count) for pair in pairs] == [
        ("ada", "ben", 1),
        ("ada", "chair", 1),
        ("ben", "ada", 1),
    ]


def test_a_rare_word_counts_more_than_one_in_every_turn() -> None:
    overlap = Overlap(
        prepare(debate(("ada", "Ferry harbour."), ("ben", "Harbour crane."), ("ada", "Harbour.")))
    )
    assert overlap.share(["ferry", "harbour"], ["ferry"]) > 0.6
    assert overlap.share(["ferry", "harbour"], ["harbour"]) < 0.4
    assert overlap.share(["ferry"], ["ferry"]) == 1
    assert overlap.share([], ["ferry"]) == 0


def test_a_reply_that_takes_up_the_point_has_more_uptake_than_one_that_does_not() -> None:
    point = "The ferry timetable strands the island's pupils every winter evening."
    others = [
        ("ada", "Potato prices have doubled since the drought in spring."),
        ("ben", "Wind turbines spoil the view from the old lighthouse."),
    ]
    listening = debate(
        *others, ("ada", point), ("ben", "Pupils stranded by a ferry timetable could board on the island.")
    )
    ignoring = debate(
        *others, ("ada", point), ("ben", "Museums deserve longer opening hours and cheaper tickets.")
    )
    heard = _metric(analyze_interaction(prepare(listening)), "ben", "uptake").value
    unheard = _metric(analyze_interaction(prepare(ignoring)), "ben", "uptake").value
    assert heard is not None
    assert unheard is not None
    assert heard > 0.3 > unheard


def test_without_times_there_is_no_pace_and_it_says_why() -> None:
    interaction = analyze_interaction(prepare(example("basic_income.json")))
    for name in ("talk_time", "words_per_minute", "response_latency", "interruptions_made"):
        metric = _metric(interaction, "anouk", name)
        assert metric.value is None
        assert metric.basis is Basis.NONE
        assert metric.note == "fewer than half of the turns have capture times"
    assert not interaction.interruption_observable


def test_overlapping_times_show_who_broke_in() -> None:
    interaction = analyze_interaction(
        prepare(
            _timed(
                ("ada", "I was about to say something long", 0.0, 10.0),
                ("ben", "No let me stop you there", 8.0, 14.0),
                ("ada", "Mm", 12.0, 12.5),
                ("ben", "and so it goes on", 15.0, 20.0),
                ("ada", "May I answer that now", 21.5, 25.0),
            )
        )
    )
    assert interaction.interruption_observable
    assert _metric(interaction, "ben", "interruptions_made").value == 1
    # A word of encouragement is no interruption.
    assert _metric(interaction, "ada", "interruptions_made").value == 0
    assert _metric(interaction, "ada", "response_latency").value == 1.5
    assert _metric(interaction, "ada", "talk_time").value == 14
    # 13 words in 14 seconds.
    assert _metric(interaction, "ada", "words_per_minute").value == pytest.approx(60 * 13 / 14, abs=1e-3)


def test_times_without_overlap_show_no_interruption_and_no_latency() -> None:
    interaction = analyze_interaction(
        prepare(_timed(("ada", "I was about to say", 0.0, 10.0), ("ben", "and I say this", 10.0, 20.0)))
    )
    assert not interaction.interruption_observable
    assert _metric(interaction, "ben", "interruptions_made").value is None
    assert _metric(interaction, "ben", "response_latency").value is None
    assert _metric(interaction, "ben", "talk_time").value == 10


def test_impossible_times_count_as_missing() -> None:
    nan, infinite = float("nan"), float("inf")
    spans = [(5.0, 1.0), (nan, 2.0), (1.0, infinite), (-3.0, 2.0), (None, 2.0), (0.0, 4.0)]
    said = [(("ada", "ben")[at % 2], "one two three", start, end) for at, (start, end) in enumerate(spans)]
    interaction = analyze_interaction(prepare(_timed(*said)))
    assert _metric(interaction, "ada", "talk_time").value is None
    assert _metric(interaction, "ben", "talk_time").value is None


def test_a_speaker_who_interrupts_himself_talks_no_longer_than_the_clock() -> None:
    interaction = analyze_interaction(
        prepare(
            _timed(
                ("ada", "one two", 0.0, 10.0),
                ("ada", "three four", 5.0, 12.0),
                ("ben", "five six", 12.0, 20.0),
            )
        )
    )
    assert _metric(interaction, "ada", "talk_time").value == 12


def test_a_stretch_that_one_debater_holds_is_a_window_of_dominance() -> None:
    long, short = "word " * 100, "word " * 20
    said = [("ada", long), ("ben", short)] * 5 + [("ada", "word " * 60), ("ben", "word " * 60)] * 5
    (window,) = analyze_interaction(prepare(debate(*said))).dominance_windows
    assert (window.participant_id, window.first_turn_id) == ("ada", "t1")
    assert window.share > 0.6


def test_a_little_more_than_half_is_no_dominance() -> None:
    said = [("ada", "word " * 58), ("ben", "word " * 42)] * 10
    assert analyze_interaction(prepare(debate(*said))).dominance_windows == ()


def test_politeness_and_its_opposite_are_counted_per_100_words() -> None:
    said = (("ada", "Thank you, that is a fair point."), ("ben", "That is ridiculous nonsense, you liar."))
    interaction = analyze_interaction(prepare(debate(*said)))
    assert _metric(interaction, "ada", "politeness").value == pytest.approx(200 / 7, abs=1e-3)
    assert _metric(interaction, "ada", "impoliteness").value == 0
    assert _metric(interaction, "ben", "impoliteness").value == 50


def test_the_example_with_capture_times_shows_its_interruptions() -> None:
    conversation = example("night_trains.vtt")
    interaction = analyze_interaction(prepare(conversation))
    assert interaction.interruption_observable
    made = sum(
        _metric(interaction, own.participant_id, "interruptions_made").value or 0
        for own in interaction.participants
    )
    assert made == sum(
        later.participant_id != earlier.participant_id and _overlap(earlier, later)
        for earlier, later in zip(conversation.turns, conversation.turns[1:], strict=False)
    )


def _overlap(earlier: Turn, later: Turn) -> bool:
    assert earlier.end_s is not None
    assert later.start_s is not None
    return later.start_s <= earlier.end_s - 0.2


def test_dominance_is_seen_in_time_where_time_was_captured() -> None:
    # Given two who say as many words, of whom one takes three times as long
    conversation = debate(*[("ada", "word " * 50), ("ben", "word " * 50)] * 6)
    clock, turns = 0.0, []
    for turn in conversation.turns:
        length = 45.0 if turn.participant_id == "ada" else 15.0
        turns.append(replace(turn, start_s=clock, end_s=clock + length))
        clock += length
    (window,) = analyze_interaction(prepare(replace(conversation, turns=tuple(turns)))).dominance_windows
    assert (window.participant_id, window.basis) == ("ada", Basis.TIMESTAMPS)
    assert window.share == 0.75
    assert window.sample_size == 360
    # Then their words alone show nothing of it
    assert analyze_interaction(prepare(conversation)).dominance_windows == ()


def test_a_stretch_is_found_wherever_it_lies() -> None:
    """Windows slide: one that would be cut in two by a fixed grid is seen whole."""
    even = [("ada", "word " * 40), ("ben", "word " * 40)]
    for before in range(1, 6):
        said = [*(even * before * 2), ("ben", "word " * 400), *(even * 6)]
        (window,) = analyze_interaction(prepare(debate(*said))).dominance_windows
        assert window.participant_id == "ben"


def test_who_was_broken_into_is_counted_too() -> None:
    interaction = analyze_interaction(
        prepare(
            _timed(
                ("ada", "I want to say something about the harbour.", 0.0, 10.0),
                ("ben", "No, let me speak now.", 8.0, 12.0),
            )
        )
    )
    assert _metric(interaction, "ada", "interruptions_received").value == 1
    assert _metric(interaction, "ben", "interruptions_received").value == 0
    assert _metric(interaction, "ada", "talk_time_share").value == pytest.approx(10 / 14, abs=1e-4)
    assert _metric(interaction, "ben", "turn_share").value == 0.5
    assert _metric(interaction, "ben", "short_turn_share").value == 0


def test_without_times_short_turns_still_show_how_lively_it_was() -> None:
    said = [("ada", "But that is not the point at all."), ("ben", "Yes it is.")] * 3
    interaction = analyze_interaction(prepare(debate(*said)))
    assert _metric(interaction, "ben", "short_turn_share").value == 1
    assert _metric(interaction, "ben", "talk_time_share").value is None


def test_a_share_of_less_than_half_a_second_rests_on_something() -> None:
    interaction = analyze_interaction(prepare(_timed(("ada", "Yes.", 89.0, 89.4))))
    share = _metric(interaction, "ada", "talk_time_share")
    assert (share.value, share.sample_size) == (1, 1)
