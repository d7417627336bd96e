"""A report says first what matters, never turns a missing value into 0, and prints text as text."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bothsides.jobs import v1 as pb
from bothsides_client.report import Report, render_report, report_markdown, report_view
from bothsides_client.report.wording import duration, printable, quoted


def metric(value: float | None, confidence: float = 0.9, note: str = "") -> pb.Metric:
    return pb.Metric(value=value, confidence=confidence, note=note, sample_size=5, basis=pb.Metric.TEXT)


def evidence(quote: str, turn_id: str = "t2") -> pb.Evidence:
    return pb.Evidence(turn_id=turn_id, start=0, end=len(quote), quote=quote)


def named(**metrics: pb.Metric) -> list[pb.NamedMetric]:
    return [pb.NamedMetric(name=name, metric=value) for name, value in metrics.items()]


CONVERSATION = pb.Conversation(
    conversation_id="c1",
    title="Trains",
    motion="More trains",
    participants=[
        pb.Participant(participant_id="m", display_name="Mo", role=pb.Participant.MODERATOR),
        pb.Participant(participant_id="a", display_name="Ann", side="for", role=pb.Participant.DEBATER),
        pb.Participant(participant_id="b", display_name="Bob", role=pb.Participant.DEBATER),
        pb.Participant(participant_id="q", display_name="Quinn", role=pb.Participant.AUDIENCE),
    ],
)


def debate() -> pb.DebateAnalysis:
    """An analysis with all six dimensions, in which some values are missing."""
    claim, other = pb.Arguments.Component.CLAIM, pb.Arguments.Component.PREMISE
    return pb.DebateAnalysis(
        schema_version="1",
        conversation_id="c1",
        language="en",
        language_confidence=0.99,
        turn_count=12,
        word_count=1_234,
        duration_seconds=3_725,
        tone=pb.Tone(
            overall=metric(0.3),
            participants=[
                pb.Tone.Participant(
                    participant_id="a", mean=metric(0.12), peaks=[evidence("Splendid!", "t4")]
                ),
                pb.Tone.Participant(participant_id="b", mean=metric(None, note="too few sentences")),
                pb.Tone.Participant(participant_id="m", mean=metric(None, note="moderators are left out")),
            ],
        ),
        topics=pb.Topics(
            segments=[
                pb.Topics.Segment(
                    segment_id="s1",
                    first_turn_id="t1",
                    last_turn_id="t6",
                    label="money",
                    coherence=metric(0.5),
                    unanswered=True,
                ),
                pb.Topics.Segment(
                    segment_id="s2",
                    first_turn_id="t7",
                    last_turn_id="t7",
                    label="time",
                    coherence=metric(0.4),
                ),
            ],
            drift_from_motion=metric(0.25),
            drift_series=[pb.Topics.DriftPoint(segment_id="s1", drift=0.1)],
        ),
        arguments=pb.Arguments(
            participants=[
                pb.Arguments.Participant(
                    participant_id="a",
                    claims=metric(7, 0.3),
                    claim_support=metric(0.5),
                    rebuttal_rate=metric(None, note="no opponent claims"),
                ),
            ],
            components=[
                pb.Arguments.Component(
                    component_id="c1",
                    kind=claim,
                    participant_id="a",
                    evidence=evidence("Plain."),
                    confidence=0.9,
                ),
                pb.Arguments.Component(
                    component_id="c2",
                    kind=claim,
                    participant_id="a",
                    evidence=evidence("Backed."),
                    confidence=0.6,
                ),
                pb.Arguments.Component(
                    component_id="c3",
                    kind=other,
                    participant_id="a",
                    evidence=evidence("Why."),
                    confidence=0.9,
                ),
            ],
            relations=[pb.Arguments.Relation(source="c3", target="c2", kind=pb.Arguments.Relation.SUPPORT)],
            fallacies=[
                pb.Arguments.Fallacy(
                    kind="ad_hominem",
                    participant_id="b",
                    evidence=evidence("You!"),
                    why="aims at a person",
                    confidence=0.3,
                )
            ],
            dropped_claim_ids=["c1", "c77"],
        ),
        linguistics=pb.Linguistics(
            participants=[
                pb.Linguistics.Participant(participant_id="a", metrics=named(words_per_sentence=metric(12.5)))
            ]
        ),
        interaction=pb.Interaction(
            participants=[
                pb.Interaction.Participant(participant_id="a", metrics=named(word_share=metric(0.6))),
                pb.Interaction.Participant(participant_id="b", metrics=named(word_share=metric(0.4))),
            ],
            balance=metric(0.8),
            responsiveness=metric(None, note="no answers to measure"),
            dominance_windows=[
                pb.Interaction.DominanceWindow(
                    first_turn_id="t2", last_turn_id="t5", participant_id="a", share=0.75
                )
            ],
        ),
        quality=pb.Quality(
            overall=pb.Rating(name="overall", score=3.4, confidence=0.42, why="Mean of the parts."),
            parts=[
                pb.Rating(name="cogency", score=3.0, confidence=0.5, why="Claims carry premises."),
                pb.Rating(name="deliberation", confidence=0.0, why="no exchange to judge"),
            ],
            participants=[
                pb.Quality.Participant(participant_id="a", overall=pb.Rating(score=3.1, confidence=0.5)),
                pb.Quality.Participant(participant_id="b", overall=pb.Rating(why="too short to rate")),
            ],
        ),
        provenance=[
            pb.Provenance(
                dimension=pb.DIMENSION_TONE, engine="local", degraded=True, degraded_reason="circuit_open"
            ),
            pb.Provenance(
                dimension=pb.DIMENSION_QUALITY,
                engine="openai",
                model="small",
                passed_over=[pb.Provenance.PassedOver(model="large", cause=pb.Provenance.TIMEOUT)],
            ),
        ],
    )


def printed(report: Report, width: int = 80) -> str:
    file = StringIO()
    render_report(report, Console(file=file, width=width, force_terminal=False))
    return file.getvalue()


def row_of(report: Report, title: str, name: str) -> dict[str, tuple[str, int]]:
    table = next(each for each in report.tables if each.title == title)
    row = next(each for each in table.rows if each[0].text == name)
    return {column: (cell.text, cell.note) for column, cell in zip(table.columns, row, strict=True)}


def test_the_headline_facts_come_in_words() -> None:
    facts = {fact.label: fact.cell.text for fact in report_view(debate(), CONVERSATION).facts}
    assert facts["Length"] == "12 turns, 1,234 words, 1 h 02 min"
    assert facts["Speakers"] == "2 debaters, 1 moderator, 1 from the audience"
    assert facts["Balance"] == "0.80 of 1 (words evenly shared)"
    assert facts["Tone"] == "+0.30 (positive; from -1 to 1)"
    assert facts["Responsiveness"] == "–"


def test_a_missing_value_is_a_dash_whose_footnote_says_why() -> None:
    report = report_view(debate(), CONVERSATION)
    bob = row_of(report, "Debaters", "Bob")
    text, note = bob["Tone"]
    assert (text, report.footnotes[note - 1]) == ("–", "too few sentences")
    text, note = bob["Quality"]
    assert (text, report.footnotes[note - 1]) == ("–", "too short to rate")
    text, note = bob["Claims"]
    assert (text, report.footnotes[note - 1]) == ("–", "nothing was computed for this speaker")
    assert "moderators are left out" not in report.footnotes


def test_a_doubtful_value_carries_a_mark_that_the_caveats_explain() -> None:
    report = report_view(debate(), CONVERSATION)
    ann = row_of(report, "Debaters", "Ann (for)")
    assert ann["Claims"] == ("7~", 0)
    assert ann["Supported"] == ("50 %", 0)
    assert any(caveat.startswith("~ marks") for caveat in report.caveats)


def test_only_debaters_are_compared() -> None:
    report = report_view(debate(), CONVERSATION)
    assert [row[0].text for row in report.tables[0].rows] == ["Ann (for)", "Bob"]


def test_without_the_conversation_ids_stand_for_names() -> None:
    report = report_view(debate(), None)
    assert report.title == "c1"
    assert [row[0].text for row in report.tables[0].rows] == ["a", "b", "m"]


def test_the_rating_is_given_with_its_confidence() -> None:
    report = report_view(debate(), CONVERSATION)
    assert report.quality is not None
    assert report.quality.cell.text == "3.4 of 5 (confidence 0.42)"
    assert [(part.name, part.cell.text) for part in report.quality_parts] == [
        ("cogency", "3.0"),
        ("deliberation", "–"),
    ]


def test_an_abstention_is_said_and_not_scored() -> None:
    analysis = debate()
    analysis.quality.overall.ClearField("score")
    analysis.quality.overall.why = "too little was said"
    text = printed(report_view(analysis, CONVERSATION))
    assert "no rating" in text
    assert "too little was said" in text


def test_the_strongest_claim_is_the_best_supported_one() -> None:
    strongest = report_view(debate(), CONVERSATION).quotes[0]
    assert [(quote.kind, quote.speaker, quote.turn_id, quote.text) for quote in strongest.quotes] == [
        ("best supported claim", "Ann (for)", "t2", "Backed."),
        ("strongest tone", "Ann (for)", "t4", "Splendid!"),
    ]


def test_one_sentence_is_not_shown_twice_for_a_speaker() -> None:
    analysis = debate()
    claim = analysis.arguments.components[1].evidence
    del analysis.tone.participants[0].peaks[:]
    analysis.tone.participants[0].peaks.extend([claim, evidence("Next.", "t9")])
    strongest = report_view(analysis, CONVERSATION).quotes[0]
    assert [quote.text for quote in strongest.quotes] == ["Backed.", "Next."]


def test_dropped_claims_without_their_sentence_are_counted() -> None:
    dropped = report_view(debate(), CONVERSATION).quotes[1]
    assert ([quote.text for quote in dropped.quotes], dropped.left_out) == (["Plain."], 1)


def test_fallacies_are_called_suspicions() -> None:
    fallacies = report_view(debate(), CONVERSATION).quotes[2]
    assert "not verdicts" in fallacies.caution
    assert fallacies.quotes[0].kind == "ad hominem"
    assert fallacies.quotes[0].remark == "aims at a person (confidence 0.30)"


def test_caveats_name_dominance_degradation_and_what_cannot_be_seen() -> None:
    caveats = " ".join(report_view(debate(), CONVERSATION).caveats)
    assert "Ann (for) had 75% of the debaters' words in t2–t5." in caveats
    assert "Tone was made by the local engine instead (circuit open)." in caveats
    assert "Quality was made by small, as large gave nothing." in caveats
    assert "Interruptions cannot be seen" in caveats


def weak(participant_id: str, support: float, rebuttal: float) -> pb.Arguments.Participant:
    return pb.Arguments.Participant(
        participant_id=participant_id, claim_support=metric(support), rebuttal_rate=metric(rebuttal)
    )


def test_the_next_step_points_to_what_was_left_unanswered_or_bare() -> None:
    analysis = debate()
    del analysis.arguments.participants[:]
    analysis.arguments.participants.extend([weak("a", 0.2, 0.9), weak("b", 0.9, 0.1)])
    steps = report_view(analysis, CONVERSATION).quotes[0]
    assert steps.title == "What to try next"
    assert [(step.speaker, step.kind, step.text) for step in steps.quotes] == [
        ("Ann (for)", "give a reason for this", "Plain."),
    ]


def test_a_claim_is_suggested_to_one_debater_only() -> None:
    analysis = debate()
    del analysis.arguments.participants[:]
    analysis.arguments.participants.extend([weak("b", 0.9, 0.1), weak("q", 0.9, 0.1)])
    steps = report_view(analysis, CONVERSATION).quotes[0]
    assert [(step.speaker, step.kind, step.text) for step in steps.quotes] == [
        ("Bob", "answer this claim of Ann (for)", "Plain."),
    ]


def test_who_answers_and_gives_reasons_is_told_no_step() -> None:
    analysis = debate()
    del analysis.arguments.participants[:]
    analysis.arguments.participants.extend([weak("a", 0.9, 0.9), weak("b", 0.9, 0.9)])
    assert all(each.title != "What to try next" for each in report_view(analysis, CONVERSATION).quotes)


def test_flagged_turns_are_named_among_the_caveats() -> None:
    analysis = pb.DebateAnalysis(
        safety=pb.Safety(
            flagged=[
                pb.Safety.Flagged(
                    kind=pb.Safety.THREAT, turn_count=7, turn_ids=[f"t{number}" for number in range(1, 8)]
                )
            ]
        )
    )
    (caveat,) = (line for line in report_view(analysis, None).caveats if line.startswith("Flagged"))
    assert caveat == "Flagged: what sounds like a threat in 7 turns (t1, t2, t3, t4, t5, …); have a look."


def test_what_was_done_with_a_flagged_turn_is_said() -> None:
    done = {pb.Safety.MASKED: "masked here.", pb.Safety.WITHHELD: "kept from the model."}
    flagged = [
        pb.Safety.Flagged(kind=pb.Safety.VIOLENCE, turn_count=1, turn_ids=["t1"], action=action)
        for action in done
    ]
    view = report_view(pb.DebateAnalysis(safety=pb.Safety(flagged=flagged)), None)
    caveats = [line for line in view.caveats if line.startswith("Flagged")]
    assert caveats == [f"Flagged: what may be violent in 1 turn (t1); {words}" for words in done.values()]


def test_a_dimension_that_was_not_asked_for_is_not_spoken_of() -> None:
    analysis = debate()
    for dimension in ("topics", "arguments", "quality", "linguistics", "interaction"):
        analysis.ClearField(dimension)
    report = report_view(analysis, CONVERSATION)
    assert report.quality is None
    assert [table.columns for table in report.tables] == [("Debater", "Tone")]
    assert "Balance" not in [fact.label for fact in report.facts]


def test_an_empty_analysis_is_still_a_report() -> None:
    for conversation in (None, CONVERSATION, pb.Conversation()):
        report = report_view(pb.DebateAnalysis(), conversation)
        assert printed(report)
        assert report_markdown(report)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    analysis = debate()
    analysis.arguments.components[1].evidence.quote = "word " * 75
    for line in printed(report_view(analysis, CONVERSATION), width).splitlines():
        assert len(line) <= width


def test_words_of_the_debate_cannot_steer_the_terminal_or_the_markup() -> None:
    hostile = "\x1b[2J[bold]x[/bold][/]\u202eevil\r\n| `a` <b>\x07"
    analysis = debate()
    analysis.arguments.components[1].evidence.quote = hostile
    conversation = pb.Conversation()
    conversation.CopyFrom(CONVERSATION)
    conversation.title = conversation.participants[1].display_name = hostile
    report = report_view(analysis, conversation)
    text = printed(report)
    assert not {"\x1b", "\u202e", "\r", "\x07"} & set(text)
    assert "[bold]x[/bold][/] evil" in text
    markdown = report_markdown(report)
    assert "<b>" not in markdown.replace("\\<b\\>", "")
    assert "\\| \\`a\\`" in markdown


def test_markdown_carries_the_tables_and_footnotes() -> None:
    text = report_markdown(report_view(debate(), CONVERSATION))
    assert text.startswith("# Trains\n")
    assert "| Ann (for) | 60 % | +0.12 | 7\\~ | 50 % | –[^" in text
    assert "[^1]: " in text
    assert text.endswith("\n")


@settings(max_examples=200)
@given(st.text(max_size=400))
def test_a_quote_is_one_printable_line(text: str) -> None:
    line = quoted(text)
    assert len(line) <= 182
    assert line == printable(line)
    assert "\n" not in line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (725, "12 min 05 s"),
        (3_725, "1 h 02 min"),
        (-3, "0 s"),
    ],
)
def test_durations_read_as_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
