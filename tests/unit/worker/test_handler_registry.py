"""The table of job types, the contract and the handlers name the same things."""

from __future__ import annotations

from types import ModuleType

import pytest

from analysis_worker import handlers
from analysis_worker.runtime.actors import spec_of
from analysis_worker.runtime.registry import HandlersIncomplete, discover
from bothsides.jobs import v1 as pb
from common.job.types import AI_ANALYSIS, JOB_TYPES, JobType
from support import extra_handlers

ECHO = JobType("ECHO", AI_ANALYSIS)


def test_every_spec_of_the_contract_has_a_row_and_a_handler() -> None:
    """`generic` alone needs none: it runs anyone's actor."""
    kinds = {field.name for field in pb.JobSpec.DESCRIPTOR.oneofs_by_name["kind"].fields} - {"generic"}

    assert {job_type.spec_field for job_type in JOB_TYPES.values()} == kinds
    assert set(discover(handlers, JOB_TYPES.values())) == set(JOB_TYPES)


def test_every_row_is_a_type_of_the_contract() -> None:
    assert set(JOB_TYPES) == set(pb.Job.Type.keys()) - {"TYPE_UNSPECIFIED", "GENERIC"}


def test_a_type_is_ordered_by_the_message_of_its_field() -> None:
    assert spec_of(JOB_TYPES["TRANSCRIPT_ANALYSIS"]) is pb.TranscriptAnalysisSpec


def test_a_module_in_the_package_is_all_that_a_handler_needs() -> None:
    found = discover(extra_handlers, [ECHO])

    assert found["ECHO"].job_type == "ECHO"


def test_a_type_without_a_handler_stops_the_worker_at_its_start() -> None:
    with pytest.raises(HandlersIncomplete, match="DREAM"):
        discover(extra_handlers, [ECHO, JobType("DREAM", AI_ANALYSIS)])


def test_a_handler_without_a_row_stops_the_worker_at_its_start() -> None:
    with pytest.raises(HandlersIncomplete, match="ECHO"):
        discover(extra_handlers, [])


def test_a_package_without_handlers_is_incomplete(tmp_path: object) -> None:
    empty = ModuleType("empty_handlers")
    empty.__path__ = [str(tmp_path)]

    with pytest.raises(HandlersIncomplete, match="ECHO"):
        discover(empty, [ECHO])
