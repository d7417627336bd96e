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
