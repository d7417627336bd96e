"""64 jobs in flight in one worker process, a call of 5 s each: how many a second, and at what cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from measure.asking.actors import QUEUE as ACTORS_QUEUE
from measure.asking.debates import debate
from measure.asking.platform import AT_ONCE, QUEUE, SETTINGS, Platform, platform
from measure.report import Row, Sample, Section

CALL_S = 5.0
#: Of the debates that are asked about: a call each, of about 2,000 tokens.
WORDS = 500
_seeds = count(100_000)


def flight(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure `10 * scale` waves of jobs from the first start to the last end."""
    waves = max(2, round(10 * scale))
    throughput = Row("topics of a debate, of ideal"), Row("actor of one's own, of ideal")
    share = Row("  worker, of one core"), Row("  worker, of one core ")
    children = Row("  its children, of one core"), Row("  its children, of one core ")
    settings = {"WORKER_ACTOR_MODULES": "measure.asking.actors"}
    with platform(server, CALL_S, **settings) as running:
        running.set_up((QUEUE, ACTORS_QUEUE))
        kinds: Sequence[Callable[[Platform], pb.JobSpec]] = (_topics, _own)
        for _ in range(rounds):
            for kind, make in enumerate(kinds):
                done, own, others = _measure(running, [make(running) for _ in range(AT_ONCE * waves)])
                throughput[kind].samples.append(Sample(100 * done))
                share[kind].samples.append(Sample(100 * own))
                children[kind].samples.append(Sample(100 * others))
    rows = [row for both in zip(throughput, share, children, strict=True) for row in both]
    bars = {row.name: "bar 95" for row in throughput} | {row.name: "bar 25" for row in share}
    return Section(
        f"{AT_ONCE} jobs in flight in one worker process, each with a call of {CALL_S:g} s; {waves} waves",
        "%",
        rows,
        bars=bars,
        notes=[SETTINGS, f"ideal: {AT_ONCE / CALL_S:.1f} jobs/s; debates of {WORDS} words"],
    )


def _topics(running: Platform) -> pb.JobSpec:
    spec = pb.TranscriptAnalysisSpec(
        conversation_id=running.put(debate(WORDS, next(_seeds))),
        dimensions=[pb.DIMENSION_TOPICS],
        engine=pb.TranscriptAnalysisSpec.OPENAI,
    )
    return pb.JobSpec(transcript_analysis=spec)


def _own(running: Platform) -> pb.JobSpec:
    spec = pb.GenericSpec(actor="ask", queue=ACTORS_QUEUE)
    spec.args.add().string_value = f"{next(_seeds)}: is it so?"
    return pb.JobSpec(generic=spec)


def _measure(running: Platform, specs: Sequence[pb.JobSpec]) -> tuple[float, float, float]:
    """Return the throughput over the ideal, and the shares of a core of the worker and of its children."""
    before = running.used()
    jobs = [running.ended(job_id) for job_id in running.create(specs)]
    used = running.used() - before
    began = min(job.start_time.ToNanoseconds() for job in jobs)
    took_s = (max(job.end_time.ToNanoseconds() for job in jobs) - began) / 1e9
    ideal_s = len(jobs) / AT_ONCE * CALL_S
    return ideal_s / took_s, used.worker_s / took_s, used.children_s / took_s
