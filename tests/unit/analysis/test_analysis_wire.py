"""What an analysis says arrives on the wire as it was said, and what it does not know stays absent."""

from __future__ import annotations

import pytest

from analysis_worker.domain.conversation import Role
from analysis_worker.domain.metric import Basis, Evidence, Metric, unknown
from analysis_worker.domain.result import (
    DebateAnalysis,
    DegradedReason,
    Dimension,
    Overview,
    Provenance,
    Rating,
)
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.engines.local.reflection import analyze_reflection
from analysis_worker.wire.analysis import (
    analysis_to_pb,
    dimension_from_pb,
    dimension_to_pb,
)
from analysis_worker.wire.conversation import conversation_from_pb
from analysis_worker.wire.metric import metric_to_pb, provenance_to_pb
from analysis_worker.wire.reflection import reflection_to_pb
from bothsides.jobs import v1 as pb
from support.analysis import analysed, example


def _analysis(name: str) -> DebateAnalysis:
    engine = LocalEngine()
    conversation = example(name)
    document = engine.prepare(conversation)
    return engine.combine(
        conversation.conversation_id,
        engine.overview(document),
        analysed(conversation),
        [engine.provenance(dimension, document) for dimension in Dimension],
    )


def test_a_conversation_is_read_with_its_defaults() -> None:
    message = pb.Conversation(
        conversation_id="c",
        motion="m",
        participants=[
            pb.Participant(participant_id="a", side="for"),
            pb.Participant(participant_id="m", display_name="Mo", role=pb.Participant.MODERATOR),
            pb.Participant(participant_id="x", role=pb.Participant.AUDIENCE),
        ],
        turns=[
            pb.Turn(turn_id="t1", participant_id="a", text="Hi", start_seconds=0.0, end_seconds=1.5),
            pb.Turn(turn_id="t2", participant_id="m", text=""),
        ],
    )
    conversation = conversation_from_pb(message)
    assert [person.role for person in conversation.participants] == [
        Role.DEBATER,
        Role.MODERATOR,
        Role.AUDIENCE,
    ]
    assert [person.display_name for person in conversation.participants] == ["a", "Mo", "x"]
    assert (conversation.turns[0].start_s, conversation.turns[0].end_s) == (0.0, 1.5)
    assert (conversation.turns[1].start_s, conversation.turns[1].end_s) == (None, None)


def test_a_missing_value_is_absent_and_zero_is_not() -> None:
    absent = metric_to_pb(unknown("1", "nothing to count"))
    zero = metric_to_pb(Metric(0.0, "1", 3, 0.5, Basis.TEXT))
    assert not absent.HasField("value")
    assert (absent.basis, absent.note) == (pb.Metric.NONE, "nothing to count")
    assert zero.HasField("value")
    assert zero.value == 0


def test_everything_asked_for_is_written() -> None:
    analysis = _analysis("night_trains.vtt")
    message = pb.DebateAnalysis.FromString(
        analysis_to_pb(analysis, include_detailed=True).SerializeToString()
    )
    assert message.schema_version == "1"
    assert message.language == "en"
    assert message.duration_seconds == analysis.overview.duration_s
    for name in ("tone", "topics", "arguments", "linguistics", "interaction", "quality"):
        assert message.HasField(name)
    assert [made.dimension for made in message.provenance] == [dimension_to_pb(one) for one in Dimension]
    assert analysis.arguments is not None
    assert analysis.tone is not None
    assert len(message.arguments.components) == len(analysis.arguments.components)
    assert len(message.arguments.relations) == len(analysis.arguments.relations)
    assert len(message.tone.series) == len(analysis.tone.series)
    for written, component in zip(message.arguments.components, analysis.arguments.components, strict=True):
        assert written.evidence.quote == component.evidence.quote
        assert pb.Arguments.Component.Kind.Name(written.kind) == component.kind.name
    assert analysis.linguistics is not None
    for own, metrics in zip(message.linguistics.participants, analysis.linguistics.participants, strict=True):
        assert [named.name for named in own.metrics] == [named.name for named in metrics.metrics]


def test_without_details_the_surest_remain_and_nothing_points_at_what_is_left_out() -> None:
    analysis = _analysis("basic_income.json")
    full = analysis_to_pb(analysis, include_detailed=True)
    brief = analysis_to_pb(analysis, include_detailed=False)
    assert len(brief.tone.series) == 0
    assert len(brief.arguments.components) == 20
    left = min(component.confidence for component in brief.arguments.components)
    shown = {component.component_id for component in brief.arguments.components}
    assert all(
        component.confidence <= left
        for component in full.arguments.components
        if component.component_id not in shown
    )
    assert all({relation.source, relation.target} <= shown for relation in brief.arguments.relations)
    assert set(brief.arguments.dropped_claim_ids) <= shown
    assert brief.quality == full.quality
    assert brief.ByteSize() < full.ByteSize() / 2


def test_a_dimension_that_was_not_made_is_absent() -> None:
    analysis = DebateAnalysis("c", Overview("und", 0.0, 0, 0, None))
    message = analysis_to_pb(analysis, include_detailed=True)
    assert [field.name for field, _ in message.ListFields()] == [
        "schema_version",
        "conversation_id",
        "language",
    ]


def test_every_dimension_has_its_number_and_the_way_back() -> None:
    for number in pb.Dimension.values():
        if number == pb.DIMENSION_UNSPECIFIED:
            with pytest.raises(ValueError, match="none of"):
                dimension_from_pb(number)
        else:
            assert dimension_to_pb(dimension_from_pb(number)) == number


def test_a_reflection_is_written_whole() -> None:
    text = (
        "I was nervous and it was difficult, but I learned to listen well. "
        "Next time I will ask questions early."
    )
    reading = analyze_reflection(text, example("school_phones.json"), "odile")
    message = reflection_to_pb(reading)
    assert message.depth == pb.ReflectionAnalysis.REFLECTION
    assert [sign.name for sign in message.indicators] == [sign.name for sign in reading.indicators]
    assert message.indicators[0].evidence[0].turn_id == "reflection"
    assert message.grounded_in_debate.HasField("value")
    assert list(message.prompts) == list(reading.prompts)
    assert message.provenance.dimension == pb.DIMENSION_UNSPECIFIED
    assert not reflection_to_pb(analyze_reflection(text)).HasField("grounded_in_debate")


def test_a_time_is_written_where_there_is_one() -> None:
    made = Provenance(Dimension.TONE, "openai", "1", "m", "h", created_ms=1_700_000_000_123)
    message = provenance_to_pb(made)
    assert message.create_time.ToMilliseconds() == 1_700_000_000_123
    assert not provenance_to_pb(Provenance(Dimension.TONE, "local", "1", "m", "h")).HasField("create_time")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_cannot_be_made(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        Metric(value, "1", 1, 0.5, Basis.TEXT)


def test_what_would_mislead_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="must say why"):
        Metric(None, "1", 0, 0.0, Basis.NONE)
    with pytest.raises(ValueError, match="confidence"):
        Metric(1.0, "1", 1, 1.5, Basis.TEXT)
    with pytest.raises(ValueError, match="sample_size"):
        Metric(1.0, "1", -1, 0.5, Basis.TEXT)
    with pytest.raises(ValueError, match="no span"):
        Evidence("t1", 3, 3, "")
    with pytest.raises(ValueError, match="as long as"):
        Evidence("t1", 0, 3, "ab")
    with pytest.raises(ValueError, match="score"):
        Rating("overall", 0.5, 0.1, "", basis=Basis.TEXT)
    with pytest.raises(ValueError, match="confidence"):
        Rating("overall", 3.0, 1.1, "", basis=Basis.TEXT)
    with pytest.raises(ValueError, match="basis is none"):
        Rating("overall", 3.0, 0.1, "")


def test_every_reason_for_a_degraded_dimension_is_written_by_name_and_number() -> None:
    numbers = set()
    for reason in DegradedReason:
        message = provenance_to_pb(Provenance(Dimension.TONE, "local", "1", "m", "h", degraded_reason=reason))
        assert message.degraded
        assert message.degraded_reason == reason.value
        assert pb.Provenance.DegradedCause.Name(message.degraded_cause).lower() == reason.value
        numbers.add(message.degraded_cause)
    # Then nothing of the contract is left without a reason of ours
    assert numbers == set(pb.Provenance.DegradedCause.values()) - {pb.Provenance.DEGRADED_CAUSE_UNSPECIFIED}
    plain = provenance_to_pb(Provenance(Dimension.TONE, "local", "1", "m", "h"))
    assert (plain.degraded, plain.degraded_reason, plain.degraded_cause) == (False, "", 0)


def test_an_interval_is_written_where_there_is_one() -> None:
    metric = metric_to_pb(Metric(0.5, "0..1", 9, 0.5, Basis.TEXT, ci95=(0.25, 0.75)))
    assert (metric.ci95.low, metric.ci95.high) == (0.25, 0.75)
    assert not metric_to_pb(Metric(0.5, "0..1", 9, 0.5, Basis.TEXT)).HasField("ci95")
    with pytest.raises(ValueError, match="ci95 does not hold the value"):
        Metric(0.8, "0..1", 9, 0.5, Basis.TEXT, ci95=(0.25, 0.75))
    with pytest.raises(ValueError, match="basis is none"):
        Metric(0.8, "0..1", 9, 0.5, Basis.NONE)
