"""Six dimensions of one transcript beside the slowest of its calls."""

from __future__ import annotations

from itertools import count

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from measure.asking.debates import debate
from measure.asking.platform import SETTINGS, Platform, platform
from measure.report import Row, Sample, Section

SIZES = (2_000, 4_000, 6_000, 10_000, 20_000)
CALLS_S = (2.0, 8.0)
_seeds = count(1)


def dimensions(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure from CreateJob's time to the end of the job; `scale` is a factor on the debates' lengths."""
    rows: list[Row] = []
    for call_s in CALLS_S:
        with platform(server, call_s) as running:
            _measure(running, 300)  # all that is loaded at first is
            for size in SIZES:
                words = int(size * scale)
                samples = [_measure(running, words) for _ in range(rounds)]
                calls = samples[0][1]
                name = f"{words:,} words, {calls} calls of {call_s:g} s"
                rows.append(Row(name, [sample for sample, _ in samples]))
    return Section(
        "Six dimensions of one transcript / the slowest of its calls",
        "x",
        rows,
        bars={row.name: "bar 1.15" for row in rows},
        notes=[
            SETTINGS,
            "processor time of the worker and of its child processes: for the whole job",
        ],
    )


def _measure(running: Platform, words: int) -> tuple[Sample, int]:
    conversation_id = running.put(debate(words, next(_seeds)))
    running.provider.times()
    before = running.used()
    spec = pb.TranscriptAnalysisSpec(conversation_id=conversation_id, engine=pb.TranscriptAnalysisSpec.OPENAI)
    [job_id] = running.create([pb.JobSpec(transcript_analysis=spec)])
    job = running.ended(job_id)
    used = running.used() - before
    lacking = {made.degraded_reason for made in job.result.analysis.provenance if made.degraded}
    if lacking:
        raise RuntimeError(f"a dimension is not the model's: {', '.join(sorted(lacking))}")
    times = running.provider.times()
    took_s = (job.end_time.ToNanoseconds() - job.create_time.ToNanoseconds()) / 1e9
    slowest_s = max(went - came for came, went in times)
    cpu_us = {"worker": used.worker_s * 1e6, "children": used.children_s * 1e6}
    return Sample(took_s / slowest_s, cpu_us), len(times)
