"""A worker whose model is switched off is seen in the health of the system."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bothsides.jobs import v1 as pb
from support.places import Place
from support.services import monitoring
from support.waiting import wait_until_async
from support.worker_program import worker_program


async def test_a_model_past_its_end_degrades_health_and_not_the_worker(valkey: str, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text('["old"]\nretires = 2020-01-02\nsuccessor = "gpt-6-luna"\n')
    settings = {"REDIS_URL": valkey, "PROVIDER_MODELS_FILE": str(file)}
    warning = "model old was to be switched off on 2020-01-02: use gpt-6-luna"

    with worker_program(settings, tmp_path, OPENAI_API_KEY="sk-test", OPENAI_MODEL="old") as worker:
        async with monitoring(Place("one", {"REDIS_URL": valkey}, ())) as monitor:

            async def told() -> list[pb.Health.Issue]:
                health = await monitor.GetHealth(pb.GetHealthRequest())
                return [issue for issue in health.issues if issue.code == "MODEL_RETIRING"]

            await wait_until_async(told)
            [issue] = await told()
            assert (issue.severity, issue.message) == (pb.Health.DEGRADED, f"{warning} (1 worker)")
            assert "OPENAI_MODEL" in issue.recommendation
            [listed] = (await monitor.ListWorkers(pb.ListWorkersRequest())).workers
            assert list(listed.retiring_models) == [warning]
        assert await asyncio.to_thread(worker.health) == "SERVING"
    log = worker.log.read_text()
    assert warning in log
    assert f"serving, but: {warning}" in log
