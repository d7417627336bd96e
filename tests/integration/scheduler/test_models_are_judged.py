"""What a job wants of models is judged before it is created, over a real port and a real store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bothsides.jobs import v1 as pb
from support.scheduler import Refusal, Served, debate, refusal, serving

FIELD = "job.spec.transcript_analysis"


def wanting(**spec: Any) -> pb.CreateJobRequest:
    asked = pb.TranscriptAnalysisSpec(conversation_id="debate-1", **spec)
    return pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(transcript_analysis=asked)))


async def put(scheduler: Served, *, turns: int = 4) -> None:
    await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=debate(turns=turns)))


async def refused(scheduler: Served, request: pb.CreateJobRequest) -> Refusal:
    return await refusal(scheduler.jobs.CreateJob(request))


async def estimated(scheduler: Served, request: pb.CreateJobRequest) -> pb.JobEstimate:
    request.validate_only = True
    return (await scheduler.jobs.CreateJob(request)).estimate


async def test_models_of_the_table_are_taken_in_their_order(scheduler: Served) -> None:
    await put(scheduler)
    job = await scheduler.create(wanting(models=["gpt-4o-mini", "gpt-6-luna"]))
    read = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id, view=pb.JOB_VIEW_FULL))
    assert list(read.spec.transcript_analysis.models) == ["gpt-4o-mini", "gpt-6-luna"]


@pytest.mark.parametrize("validate_only", [True, False])
async def test_a_model_that_is_not_in_the_table_is_refused_by_name(
    scheduler: Served, validate_only: bool
) -> None:
    await put(scheduler)
    request = wanting(models=["gpt-6-luna", "llama"])
    request.validate_only = validate_only
    told = await refused(scheduler, request)
    assert (told.reason, told.fields) == ("FIELD_INVALID", [f"{FIELD}.models[1]"])
    assert "'llama' is not in the table" in told.status.message
    assert "PROVIDER_MODELS_FILE" in told.status.message
    assert "gpt-4o-mini, gpt-6-luna" in told.status.message


async def test_a_bad_item_of_many_costs_only_itself(scheduler: Served) -> None:
    await put(scheduler)
    requests = [wanting(models=["llama"]), wanting(models=["gpt-6-luna"])]
    bad, good = (await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=requests))).items
    assert "models[0]" in bad.error.message
    assert good.job.job_id


async def test_models_are_named_in_one_way(scheduler: Served) -> None:
    await put(scheduler)
    told = await refused(scheduler, wanting(models=["gpt-6-luna"], language_model="gpt-4o-mini"))
    assert told.fields == [f"{FIELD}.language_model"]


@pytest.mark.parametrize("models", [["gpt-6-luna"] * 2, [""], ["m" * 101], [f"m{n}" for n in range(9)]])
async def test_a_list_of_models_is_bounded(scheduler: Served, models: list[str]) -> None:
    assert (await refused(scheduler, wanting(models=models))).reason == "FIELD_INVALID"


async def test_another_spec_for_a_retry_is_judged_too(scheduler: Served) -> None:
    await put(scheduler)
    job = await scheduler.create(wanting())
    await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
    spec = wanting(models=["llama"]).job.spec
    told = await refusal(scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id, spec=spec)))
    assert told.fields == ["spec.transcript_analysis.models[0]"]


async def test_the_file_of_models_counts(valkey: str, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text('["llama"]\nprice_input = 1\nprice_output = 1\n')
    async with serving({"REDIS_URL": valkey, "PROVIDER_MODELS_FILE": str(file)}) as scheduler:
        await put(scheduler)
        assert (await scheduler.create(wanting(models=["llama"]))).job_id


async def test_a_bound_that_allows_no_call_is_refused_with_what_would_do(scheduler: Served) -> None:
    await put(scheduler)
    request = wanting(max_cost_micro_usd=2_000, models=["gpt-4o-mini", "gpt-6-luna"])
    for validate_only in (True, False):
        request.validate_only = validate_only
        told = await refused(scheduler, request)
        assert (told.reason, told.fields) == ("FIELD_INVALID", [f"{FIELD}.max_cost_micro_usd"])
        assert "to ask gpt-6-luna takes at least 3" in told.status.message
    # What the refusal names will do, and not a millionth less
    estimate = await estimated(scheduler, wanting())
    least = estimate.least_max_cost_micro_usd
    assert f"at least {least}" in told.status.message
    with_less = wanting(max_cost_micro_usd=least - 1)
    assert (await refused(scheduler, with_less)).fields == [f"{FIELD}.max_cost_micro_usd"]
    assert (await scheduler.create(wanting(max_cost_micro_usd=least))).job_id
    # A local analysis costs nothing
    local = wanting(max_cost_micro_usd=1, engine=pb.TranscriptAnalysisSpec.LOCAL)
    assert (await scheduler.create(local)).job_id


async def test_the_template_of_a_batch_has_to_afford_each_conversation(scheduler: Served) -> None:
    await put(scheduler)
    long = debate("long", turns=4)
    for turn in long.turns:
        turn.text = "I say so, and once more. " * 200
    await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=long))
    least = (await estimated(scheduler, wanting())).least_max_cost_micro_usd
    template = wanting(max_cost_micro_usd=least).job
    template.spec.transcript_analysis.conversation_id = ""

    def asking(*conversation_ids: str) -> pb.CreateBatchRequest:
        members = pb.ConversationMembers(template=template, conversation_ids=conversation_ids)
        return pb.CreateBatchRequest(members=pb.BatchMembers(conversations=members))

    told = await refusal(scheduler.batches.CreateBatch(asking("debate-1", "long")))
    assert told.fields == ["members.conversations.template.spec.transcript_analysis.max_cost_micro_usd"]
    assert "for members.conversations.conversation_ids[1]: " in told.status.message
    assert (await scheduler.batches.CreateBatch(asking("debate-1"))).batch_id


async def test_only_the_first_model_counts_where_no_other_is_asked(scheduler: Served) -> None:
    await put(scheduler)
    models = ["gpt-4o-mini", "gpt-6-luna"]
    least = (await estimated(scheduler, wanting(models=models))).least_max_cost_micro_usd
    assert (await scheduler.create(wanting(models=models, max_cost_micro_usd=least))).job_id
    waiting = wanting(models=models, max_cost_micro_usd=least, on_unavailable=pb.TranscriptAnalysisSpec.WAIT)
    assert "to ask gpt-4o-mini" in (await refused(scheduler, waiting)).status.message


async def test_a_plan_grows_with_the_text_and_with_what_is_asked(scheduler: Served) -> None:
    plans = []
    for turns in (4, 2_000):
        await put(scheduler, turns=turns)
        for dimensions in ([pb.DIMENSION_ARGUMENTS], [pb.DIMENSION_ARGUMENTS, pb.DIMENSION_QUALITY]):
            told = await estimated(scheduler, wanting(dimensions=dimensions))
            plans.append(told.planned_cost_micro_usd)
            assert told.least_max_cost_micro_usd <= 3 * told.planned_cost_micro_usd
    assert 0 < plans[0] < plans[1] < plans[2] < plans[3]
    none = [await estimated(scheduler, wanting(engine=pb.TranscriptAnalysisSpec.LOCAL))]
    none.append(await estimated(scheduler, wanting(dimensions=[pb.DIMENSION_LINGUISTICS])))
    assert [each.planned_cost_micro_usd for each in none] == [0, 0]


async def test_a_bound_needs_a_price(valkey: str, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text('["llama"]\ncontext_tokens = 9000\n')
    async with serving({"REDIS_URL": valkey, "PROVIDER_MODELS_FILE": str(file)}) as scheduler:
        await put(scheduler)
        assert (await scheduler.create(wanting(models=["llama"]))).job_id
        told = await refused(scheduler, wanting(models=["llama"], max_cost_micro_usd=9_000))
        assert told.fields == [f"{FIELD}.max_cost_micro_usd"]
        assert "the price of llama is not known" in told.status.message
        mixed = wanting(models=["llama", "gpt-6-luna"], max_cost_micro_usd=9_000)
        assert (await scheduler.create(mixed)).job_id


async def test_a_reflection_is_judged_by_its_own_text(scheduler: Served) -> None:
    spec = pb.ReflectionProcessingSpec(text="I learned a lot.", max_cost_micro_usd=10)
    request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(reflection_processing=spec)))
    told = await refused(scheduler, request)
    assert told.fields == ["job.spec.reflection_processing.max_cost_micro_usd"]


async def test_a_plan_for_a_reflection_grows_with_its_debate_as_far_as_that_is_sent(
    scheduler: Served,
) -> None:
    spec = pb.ReflectionProcessingSpec(text="I learned a lot.")
    request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(reflection_processing=spec)))
    told = [await estimated(scheduler, request)]
    request.job.spec.reflection_processing.conversation_id = "debate-1"
    for turns in (20, 4_000, 4_500):
        await put(scheduler, turns=turns)
        told.append(await estimated(scheduler, request))
    alone, short, long, longer = (each.planned_cost_micro_usd for each in told)
    assert 0 < alone < short < long == longer
    # What must be affordable is its own words: where a model takes less, the debate stays away
    assert len({each.least_max_cost_micro_usd for each in told}) == 1


@pytest.mark.parametrize("bound", [-1, 1_000_000_001])
async def test_a_bound_is_bounded(scheduler: Served, bound: int) -> None:
    assert (await refused(scheduler, wanting(max_cost_micro_usd=bound))).reason == "FIELD_INVALID"
