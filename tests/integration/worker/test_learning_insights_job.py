"""Learning insights in a real worker, from kept analyses to kept insights."""

from __future__ import annotations

from analysis_worker.wire.conversation import conversation_from_pb
from bothsides.jobs import v1 as pb
from common.job.ids import new_job_id
from common.job.model import ErrorClass
from common.job.states import JobState
from common.store.documents import INSIGHTS, get_document, put_document
from support.debates import debate
from support.insights import QUEUE, analysis_of, keep, order, rated, result_of
from support.worker_program import NAMESPACE, Desk

Insights = pb.LearningInsights


def quoted(number: int, who: str, cogency: float) -> pb.DebateAnalysis:
    """Return an analysis that holds one rating, and the place that it rests on."""
    analysis = rated(f"d{number}", who, {"cogency": cogency})
    [part] = analysis.quality.participants[0].parts
    part.evidence.add(turn_id=f"t{number}", start=0, end=7, quote="a quote")
    return analysis


def test_a_participant_is_followed_over_what_is_kept_and_nothing_said_is_kept_with_it(
    plain_desk: Desk,
) -> None:
    # Given five debates whose analyses are kept
    for number in range(5):
        conversation = debate(30, conversation_id=f"d{number}", seed=number)
        keep(plain_desk, f"d{number}", analysis_of(conversation_from_pb(conversation)))

    # When a debater's insights are made, with the conversations in an order of their own
    names = ["d4", "d3", "d2", "d1", "d0"]
    job_id = order(plain_desk, "ines", conversation_ids=names)
    found = result_of(plain_desk, job_id)
    by_itself = result_of(plain_desk, order(plain_desk, "ines"))

    # Then all count, in the order that was said; without one, in that of their analyses
    assert [each.conversation_id for each in found.conversations] == names
    assert [each.conversation_id for each in by_itself.conversations] == names[::-1]
    assert all(each.counted and each.word_count >= 300 for each in found.conversations)
    trends = {each.metric: each for each in found.trends}
    hedges = trends["linguistics.hedges"]
    assert (hedges.slope.sample_size, hedges.HasField("p_value")) == (5, True)
    back = {each.metric: each for each in by_itself.trends}["linguistics.hedges"]
    assert back.slope.value == -hedges.slope.value
    assert hedges.first == back.last
    # Two people are no cohort
    assert found.cohort_size == 1
    assert not any(each.cohort_percentile.HasField("value") for each in found.trends)

    # And the latest is kept, without a word of what was said
    kept = plain_desk.run(get_document(NAMESPACE, INSIGHTS, plain_desk.tenant, "ines"))
    assert kept is not None
    assert Insights.FromString(kept.body) == by_itself
    assert b"bridge" not in kept.body
    assert b"pillars" not in kept.body


def test_a_decline_among_many_others_is_a_step_with_its_place(plain_desk: Desk) -> None:
    for number in range(6):
        keep(plain_desk, f"d{number}", quoted(number, "ines", 4.5 - number / 2))
    for number in range(100, 122):
        keep(plain_desk, f"d{number}", quoted(number, f"p{number}", 4.8))
    found = result_of(plain_desk, order(plain_desk, "ines"))
    few = result_of(
        plain_desk, order(plain_desk, "ines", max_analyses=6, conversation_ids=["d0", "d1", "d9"])
    )
    nobody = plain_desk.final(order(plain_desk, "marek"), QUEUE).job

    cogency = next(each for each in found.trends if each.metric == "quality.cogency")
    assert cogency.verdict == Insights.DECLINING
    assert (cogency.first.value, cogency.last.value, cogency.slope.value) == (4.5, 2.0, -0.5)
    assert (found.cohort_size, cogency.cohort_percentile.value) == (22, 0.0)
    [step] = found.next_steps
    assert step.metric == "quality.cogency"
    assert [place.conversation_id for place in step.passages] == ["d5", "d4", "d3"]
    assert (step.passages[0].turn_id, step.passages[0].start, step.passages[0].end) == ("t5", 0, 7)
    assert "Declining: the rating of cogency, from 4.50 to 2.00." in found.narrative

    # Too few conversations, and one that nobody analysed, are said to be so
    assert [each.counted for each in few.conversations] == [True, True, False]
    assert few.conversations[2].note
    assert not few.next_steps
    assert "4 are needed" in few.narrative

    # And of somebody whom no analysis holds nothing is made up
    assert nobody.state is JobState.FAILED
    assert nobody.error is not None
    assert (nobody.error.error_class, nobody.error.reason) == (
        ErrorClass.INVALID_INPUT,
        "PARTICIPANT_NOT_ANALYSED",
    )


def test_insights_of_a_later_attempt_are_not_overwritten(plain_desk: Desk) -> None:
    keep(plain_desk, "d0", quoted(0, "ines", 3))
    # Given that a later attempt of a job has kept its result
    job_id = new_job_id(QUEUE)
    plain_desk.run(
        put_document(NAMESPACE, INSIGHTS, plain_desk.tenant, "ines", body=b"later", job_id=job_id, attempt=9)
    )

    # When an earlier attempt of it comes to its end
    spec = pb.JobSpec(learning_insights=pb.LearningInsightsSpec(participant_id="ines"))
    assert plain_desk.final(plain_desk.order(spec, job_id=job_id), QUEUE).job.attempt == 1

    # Then what it would have kept is dropped
    kept = plain_desk.run(get_document(NAMESPACE, INSIGHTS, plain_desk.tenant, "ines"))
    assert kept is not None
    assert kept.body == b"later"
