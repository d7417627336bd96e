"""Progress folds a watch's messages into what to show, as plain lines or as a bar."""

from __future__ import annotations

from io import StringIO

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from bothsides.jobs import v1 as pb
from bothsides_client.partial import partial_line
from bothsides_client.progress import LiveDisplay, PlainDisplay, Seen, display_for

RUNNING = pb.WatchJobResponse(state_change=pb.WatchJobResponse.StateChange(state=pb.Job.RUNNING, attempt=1))
SUCCEEDED = pb.WatchJobResponse(state_change=pb.WatchJobResponse.StateChange(state=pb.Job.SUCCEEDED))


def step(fraction: float, stage: str, left_s: int | None = None) -> pb.WatchJobResponse:
    progress = pb.Progress(fraction=fraction, stage=stage, update_time=Timestamp(seconds=1_000))
    if left_s is not None:
        progress.finish_time.CopyFrom(Timestamp(seconds=1_000 + left_s))
    return pb.WatchJobResponse(progress=progress)


def part(analysis: pb.DebateAnalysis, name: str = "tone") -> pb.PartialResult:
    return pb.PartialResult(part=name, attempt=1, result=pb.JobResult(analysis=analysis))


def lines(messages: list[pb.WatchJobResponse]) -> list[str]:
    console = Console(file=StringIO(), width=80)
    with display_for(console) as display:
        for message in messages:
            display.show(message)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_plain_lines_come_with_stages_states_and_every_tenth() -> None:
    steps = [step(number / 100, "Reading") for number in range(30)]
    snapshot = pb.WatchJobResponse(snapshot=pb.Job(state=pb.Job.PENDING))
    shown = lines([snapshot, RUNNING, *steps, step(0.3, "Counting"), step(0.31, "Counting"), SUCCEEDED])
    assert shown == [
        "  0 %  pending",
        "  0 %  running",
        "  0 %  Reading",
        " 10 %  Reading",
        " 20 %  Reading",
        " 30 %  Counting",
        "100 %  succeeded",
    ]


def test_heartbeats_show_nothing() -> None:
    quiet = pb.WatchJobResponse(heartbeat=pb.WatchJobResponse.Heartbeat())
    assert lines([RUNNING, quiet, quiet]) == ["  0 %  running"]


def test_partial_results_have_a_line_each() -> None:
    tone = pb.DebateAnalysis(tone=pb.Tone(overall=pb.Metric(value=-0.2, confidence=0.9)))
    assert lines([RUNNING, pb.WatchJobResponse(partial_result=part(tone))]) == [
        "  0 %  running",
        "  tone: -0.20 overall",
    ]


def test_every_dimension_has_its_headline() -> None:
    claims = pb.Arguments.Participant(claims=pb.Metric(value=3))
    said = {
        "tone: – overall": pb.DebateAnalysis(tone=pb.Tone()),
        "topics: 1 topic, drift 0.50": pb.DebateAnalysis(
            topics=pb.Topics(
                segments=[pb.Topics.Segment()], drift_from_motion=pb.Metric(value=0.5, confidence=1)
            )
        ),
        "arguments: 6 claims, 1 unanswered": pb.DebateAnalysis(
            arguments=pb.Arguments(participants=[claims, claims], dropped_claim_ids=["c1"])
        ),
        "linguistics: 0 speakers": pb.DebateAnalysis(linguistics=pb.Linguistics()),
        "interaction: balance 0.90": pb.DebateAnalysis(
            interaction=pb.Interaction(balance=pb.Metric(value=0.9, confidence=1))
        ),
        "quality: no rating": pb.DebateAnalysis(quality=pb.Quality()),
        "more work: done": pb.DebateAnalysis(),
    }
    for line, analysis in said.items():
        assert partial_line(part(analysis, line.partition(":")[0].replace(" ", "_"))) == line
    reflection = pb.PartialResult(part="depth", result=pb.JobResult(reflection=pb.ReflectionAnalysis()))
    assert partial_line(reflection) == "depth: done"


def test_time_left_counts_down_by_this_machines_clock() -> None:
    """The server says when it will end by its own clock; only the difference is used."""
    now = 50.0
    seen = Seen(now_s=lambda: now)
    seen.take(RUNNING)
    seen.take(step(0.5, "Reading", left_s=90))
    assert seen.time_left == "1 min 30 s left"
    now = 130.0
    assert seen.time_left == "10 s left"
    now = 500.0
    assert seen.time_left == ""
    seen.take(step(0.6, "Reading"))
    assert seen.time_left == ""


def test_a_final_state_goes_before_a_stage() -> None:
    seen = Seen()
    for message in (RUNNING, step(0.5, "Reading", left_s=60)):
        seen.take(message)
    assert (seen.words, seen.percent) == ("Reading", 50)
    seen.take(SUCCEEDED)
    assert (seen.words, seen.percent, seen.time_left) == ("succeeded", 100, "")


def test_a_new_attempt_begins_again_and_says_so() -> None:
    seen = Seen()
    assert seen.words == "connecting"
    for message in (RUNNING, step(0.8, "Reading")):
        seen.take(message)
    retrying = pb.WatchJobResponse.StateChange(state=pb.Job.RETRYING, attempt=1)
    seen.take(pb.WatchJobResponse(state_change=retrying))
    assert seen.words == "retrying"
    again = pb.WatchJobResponse.StateChange(state=pb.Job.RUNNING, attempt=2)
    seen.take(pb.WatchJobResponse(state_change=again))
    assert (seen.words, seen.percent) == ("running (attempt 2)", 0)


def test_a_watch_that_begins_in_the_middle_ends_at_100_percent() -> None:
    """The snapshot does not say which attempt is running; the final change does."""
    seen = Seen()
    seen.take(pb.WatchJobResponse(snapshot=pb.Job(state=pb.Job.RUNNING, progress=pb.Progress(fraction=0.9))))
    ended = pb.WatchJobResponse.StateChange(state=pb.Job.SUCCEEDED, attempt=1)
    seen.take(pb.WatchJobResponse(state_change=ended))
    assert (seen.words, seen.percent) == ("succeeded", 100)


def test_fractions_out_of_range_are_shown_within_it() -> None:
    seen = Seen()
    seen.take(step(7.0, "x"))
    assert seen.percent == 100
    seen.take(step(-1.0, "x"))
    assert seen.percent == 0


def test_a_terminal_gets_a_bar_with_stage_and_time_left() -> None:
    file = StringIO()
    console = Console(file=file, width=80, force_terminal=True)
    display = display_for(console)
    assert isinstance(display, LiveDisplay)
    tone = pb.DebateAnalysis(tone=pb.Tone(overall=pb.Metric(value=0.2, confidence=0.9)))
    with display:
        display.show(RUNNING)
        display.show(step(0.42, "Reading [the] room", left_s=90))
        display.show(pb.WatchJobResponse(partial_result=part(tone)))
    text = file.getvalue()
    assert "Reading [the] room" in text
    assert "42 %" in text
    assert "left" in text
    assert "tone: +0.20 overall" in text


def test_a_pipe_gets_no_control_codes() -> None:
    file = StringIO()
    console = Console(file=file, width=80)
    display = display_for(console)
    assert isinstance(display, PlainDisplay)
    with display:
        display.show(step(0.4, "\x1b[31mRed", left_s=90))
    assert "\x1b" not in file.getvalue()
