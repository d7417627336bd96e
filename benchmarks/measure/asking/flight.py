"""64 jobs in flight in one worker process, a call of 5 s each: how many a second, and at what cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from measure.asking.actors import QUEUE as ACTORS_QUEUE
from measure.asking.debates import debate
from measure.asking.platform import AT_ONCE, QUEUE, SETTINGS, Platform, platform
from measure.report import Row, Sample, Section

CALL_S = 5.0
#: Of the debates that are asked about: a call each, of about 2,000 tokens.
WORDS = 500
#: All jobs of the first wave start at once and keep each other from the processors; by and by their ends,
#: and so the starts of those that follow, spread over the time of a call. From this wave on (of 0) they have.
SPREAD_FROM = 3
_seeds = count(100_000)


class _Flown(NamedTuple):
    #: The ideal time over the measured one, from the first start to the last end.
    whole: float
    #: The same of the time from a start to that of the job which takes its place, once starts are spread.
    spread: float
    #: Shares of a core.
    worker: float
    children: float


def flight(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure `10 * scale` waves of jobs from the first start to the last end."""
    waves = max(SPREAD_FROM + 2, round(10 * scale))
    throughput = Row("topics of a debate, of ideal"), Row("actor of one's own, of ideal")
    spread = Row(f"  from wave {SPREAD_FROM + 1} on"), Row(f"  from wave {SPREAD_FROM + 1} on ")
    share = Row("  worker, of one core"), Row("  worker, of one core ")
    children = Row("  its children, of one core"), Row("  its children, of one core ")
    settings = {"WORKER_ACTOR_MODULES": "measure.asking.actors"}
    with platform(server, CALL_S, **settings) as running:
        running.set_up((QUEUE, ACTORS_QUEUE))
        kinds: Sequence[Callable[[Platform], pb.JobSpec]] = (_topics, _own)
        for _ in range(rounds):
            for kind, make in enumerate(kinds):
                flown = _measure(running, [make(running) for _ in range(AT_ONCE * waves)])
                throughput[kind].samples.append(Sample(100 * flown.whole))
                spread[kind].samples.append(Sample(100 * flown.spread))
                share[kind].samples.append(Sample(100 * flown.worker))
                children[kind].samples.append(Sample(100 * flown.children))
    rows = [row for both in zip(throughput, spread, share, children, strict=True) for row in both]
    bars = {row.name: "bar 95" for row in (*throughput, *spread)} | {row.name: "bar 25" for row in share}
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


def _measure(running: Platform, specs: Sequence[pb.JobSpec]) -> _Flown:
    before = running.used()
    made = running.create(specs)
    # From the last one on: to watch each as it ends takes more of the processors than the store does.
    jobs = [running.ended(job_id) for job_id in reversed(made)]
    used = running.used() - before
    starts_s = sorted(job.start_time.ToNanoseconds() / 1e9 for job in jobs)
    took_s = max(job.end_time.ToNanoseconds() for job in jobs) / 1e9 - starts_s[0]
    waves = len(jobs) // AT_ONCE
    spread = range(SPREAD_FROM * AT_ONCE, (SPREAD_FROM + 1) * AT_ONCE)
    rounds = waves - 1 - SPREAD_FROM
    cycle_s = sum(starts_s[at + rounds * AT_ONCE] - starts_s[at] for at in spread) / AT_ONCE / rounds
    return _Flown(waves * CALL_S / took_s, CALL_S / cycle_s, used.worker_s / took_s, used.children_s / took_s)
