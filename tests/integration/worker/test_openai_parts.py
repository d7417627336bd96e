"""What a model has answered reaches who watches at once: from the provider over worker and scheduler."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from bothsides.jobs import v1 as pb
from support.debates import debate
from support.openai_author import honest
from support.openai_server import openai_server
from support.scheduler import serving
from support.worker_program import Desk, worker_program


@pytest.mark.parametrize("children", ["1", "2"])
async def test_each_answer_is_seen_while_the_others_are_awaited(
    valkey: str, client: redis.Redis, tmp_path: Path, children: str
) -> None:
    order = ("quality", "arguments", "tone", "topics")
    answers = {name: threading.Event() for name in order}

    def author(body: Mapping[str, Any]) -> str:
        name = body["response_format"]["json_schema"]["name"].removesuffix("Answer").lower()
        assert answers[name].wait(60)
        return honest(body)

    name = Desk(client).put(debate(12))
    with (
        openai_server(author) as server,
        worker_program(
            valkey,
            tmp_path,
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=server.url,
            WORKER_CHILDREN=children,
        ),
    ):
        async with serving(valkey) as scheduler, asyncio.timeout(90):
            spec = pb.TranscriptAnalysisSpec(conversation_id=name, include_detailed=True)
            wanted = pb.Job(spec=pb.JobSpec(transcript_analysis=spec))
            job = await scheduler.create(pb.CreateJobRequest(job=wanted))
            watch = scheduler.watch(job.job_id)
            seen: list[tuple[str, pb.DebateAnalysis]] = []

            async def until(*parts: str) -> None:
                missing = set(parts)
                async for message in watch:
                    if message.HasField("partial_result"):
                        part = message.partial_result
                        seen.append((part.part, part.result.analysis))
                        missing.discard(part.part)
                        if not missing:
                            return

            # Given that no model has answered, only what is counted comes
            await until("linguistics", "interaction")
            assert {part for part, _ in seen} == {"linguistics", "interaction"}
            # When one answer comes, then its part does, and none of those that are awaited
            for dimension in order:
                answers[dimension].set()
                await until(dimension)
                assert seen[-1][0] == dimension
                [made] = seen[-1][1].provenance
                assert (made.engine, made.degraded) == ("openai", False)
            # And claims come once more when their topics are known
            await until("arguments")
            parts = [part for part, _ in seen]
            assert parts[2:] == ["quality", "arguments", "tone", "topics", "arguments"]
            before, after = (made.arguments for part, made in seen if part == "arguments")
            assert {claim.segment_id for claim in before.components} == {""}
            segments = {segment.segment_id for segment in seen[-2][1].topics.segments}
            assert {claim.segment_id for claim in after.components} <= segments
            async for message in watch:
                last = message
            assert last.snapshot.state == pb.Job.SUCCEEDED
            assert last.snapshot.result.analysis.arguments == after
    assert json.loads(server.heard[0][0])["model"] == "gpt-6-luna"
