"""What an analysis is made of: as published dimension by dimension, so it is in the result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis_worker.domain.result import Dimension
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.privacy.settings import Screening
from analysis_worker.transcript.made import Made
from analysis_worker.transcript.packed import Finished
from analysis_worker.transcript.screening import Screen
from bothsides.jobs import v1 as pb
from support.analysis import example


@pytest.mark.parametrize("detailed", [True, False])
@pytest.mark.parametrize("by_model", [True, False])
def test_the_result_is_what_was_published(detailed: bool, by_model: bool) -> None:
    # Given a debate of which all dimensions are made, in any order
    said = example("school_phones.json")
    engine = LocalEngine()
    document = engine.prepare(said)
    parts: dict[str, pb.DebateAnalysis] = {}

    def publish(name: str, result: pb.JobResult) -> None:
        parts[name] = result.analysis

    made = Made(
        said.conversation_id,
        b"",
        Screen(Screening(), pb.ContentFilter()),
        publish,
        include_detailed=detailed,
    )
    made.overview = engine.overview(document)
    for dimension in reversed(Dimension):
        provenance = engine.provenance(dimension, document)
        model = "gpt" if by_model else ""
        finished = Finished(
            dimension, engine.analyze(document, dimension, {}), replace(provenance, model=model)
        )
        made.settle(finished)

    # When they are put together
    result = made.analysis()

    # Then it is what is written of all of them at once, and each dimension as it was published last
    at_once = made.analysis(made.finished.values())
    assert result.SerializeToString(deterministic=True) == at_once.SerializeToString(deterministic=True)
    assert [each.dimension for each in result.provenance] == sorted(
        each.dimension for each in result.provenance
    )
    for dimension in Dimension:
        assert getattr(result, dimension.value) == getattr(parts[dimension.value], dimension.value)
