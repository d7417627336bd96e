"""The command line as a person and as a script meet it, against a server on a real port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from rich.console import Console
from typer.testing import CliRunner, Result

from bothsides.jobs import v1 as pb
from bothsides_client.analyze import run_analyze
from bothsides_client.cli.app import build_app
from bothsides_client.cli.session import DimensionName, Duplicates, Format, Priority
from bothsides_client.client import Client
from bothsides_client.transcripts import FORMATS
from support.in_memory_platform import NOW, Platform, PlatformServer
from support.replies import reason, status
from support.waiting import wait_until

Run = Callable[..., Result]
NOBODY = "127.0.0.1:1"


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    with PlatformServer(Platform()) as running:
        running.platform.may_end.set()
        yield running


@pytest.fixture
def platform(server: PlatformServer) -> Platform:
    return server.platform


@pytest.fixture
def run(server: PlatformServer) -> Run:
    """Run the command line against the server."""
    environment = {"BOTHSIDES_SCHEDULER_ADDR": server.address, "BOTHSIDES_MONITOR_ADDR": server.address}

    def run(*arguments: str) -> Result:
        return CliRunner(env=environment).invoke(build_app(), arguments)

    return run


@pytest.fixture
def debate(tmp_path: Path) -> Path:
    file = tmp_path / "debate.txt"
    file.write_text("Title: Trains\nAnn (for): We need more trains.\nModerator Bob: We do not.\n")
    return file


def result() -> pb.Job:
    """A job that has succeeded with a small analysis."""
    analysis = pb.DebateAnalysis(
        turn_count=2,
        word_count=8,
        tone=pb.Tone(
            overall=pb.Metric(value=0.1, confidence=0.9),
            participants=[
                pb.Tone.Participant(participant_id="ann", mean=pb.Metric(value=0.2, confidence=0.9))
            ],
        ),
    )
    return pb.Job(state=pb.Job.SUCCEEDED, result=pb.JobResult(analysis=analysis))


def json_lines(text: str) -> list[Any]:
    """Return every line of the text, each of which must be JSON."""
    return [json.loads(line) for line in text.splitlines()]


def interrupted(server: PlatformServer, method: str, *arguments: str) -> tuple[int, str]:
    """Run the program until it has read from the stream `method`, interrupt it, and say how it ended."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from bothsides_client.cli import main; main()"),
            *("--scheduler", server.address, "--monitor", server.address, *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        wait_until(lambda: server.platform.calls[method])
        process.stdout.readline()  # the first thing it prints: the stream is being read
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, stderr


class TestAnalyze:
    def test_a_debate_is_put_followed_and_reported(self, run: Run, platform: Platform, debate: Path) -> None:
        platform.ending = result()
        running = pb.WatchJobResponse.StateChange(state=pb.Job.RUNNING, attempt=1)
        platform.events = [
            pb.WatchJobResponse(state_change=running),
            pb.WatchJobResponse(progress=pb.Progress(fraction=0.5, stage="Reading the debate")),
            pb.WatchJobResponse(
                partial_result=pb.PartialResult(
                    part="tone", result=pb.JobResult(analysis=result().result.analysis)
                )
            ),
        ]
        ended = run("analyze", str(debate))
        assert ended.exit_code == 0, ended.stderr
        (conversation,) = platform.conversations.values()
        assert (conversation.title, len(conversation.turns)) == ("Trains", 2)
        assert " 50 %  Reading the debate" in ended.stdout
        assert "tone: +0.10 overall" in ended.stdout
        assert ended.stdout.index("100 %  succeeded") < ended.stdout.index("Debaters")
        assert "Ann" in ended.stdout
        assert "\x1b" not in ended.stdout

    def test_options_become_the_jobs_fields(self, run: Run, platform: Platform, debate: Path) -> None:
        ended = run(
            *("analyze", str(debate), "--dimension", "tone", "--dimension", "quality", "--detailed"),
            *("--priority", "high", "--request-id", "r1", "--no-watch"),
            *("--model", "large", "--model", "small", "--max-cost", "0.0215"),
            *("--engine", "openai", "--on-unavailable", "wait", "--force-refresh"),
        )
        assert ended.exit_code == 0, ended.stderr
        (request,) = platform.calls["CreateJob"]
        assert request.request_id == "r1"
        assert request.job.priority == pb.Job.HIGH
        spec = request.job.spec.transcript_analysis
        assert list(spec.dimensions) == [pb.DIMENSION_TONE, pb.DIMENSION_QUALITY]
        assert spec.include_detailed
        assert (list(spec.models), spec.max_cost_micro_usd) == (["large", "small"], 21_500)
        assert (spec.engine, spec.on_unavailable, spec.force_refresh) == (spec.OPENAI, spec.WAIT, True)
        assert not platform.calls["WatchJob"]
        assert "bothsides jobs watch ai-1" in ended.stdout

    def test_with_json_the_final_job_is_all_there_is(
        self, run: Run, platform: Platform, debate: Path
    ) -> None:
        platform.ending = result()
        for arguments in (("--json", "analyze", str(debate)), ("analyze", str(debate), "--json")):
            (job,) = json_lines(run(*arguments).stdout)
            assert job["state"] == "SUCCEEDED"
            assert job["result"]["analysis"]["turn_count"] == 2

    def test_several_files_are_submitted_before_one_is_followed(
        self, run: Run, platform: Platform, debate: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.txt"
        other.write_text("Cyd: One.\nDan: Two.\n")
        broken = tmp_path / "broken.txt"
        broken.write_text("Cyd: One.\n")
        platform.ending = result()
        ended = run("analyze", str(debate), str(broken), str(other), "--json")
        assert len(json_lines(ended.stdout)) == 2
        assert ended.exit_code == 2
        assert "broken.txt: has one speaker only" in ended.stderr

    def test_a_request_id_names_one_file(self, run: Run, debate: Path) -> None:
        ended = run("analyze", str(debate), str(debate), "--request-id", "r1")
        assert ended.exit_code == 2
        assert "--request-id" in ended.stderr

    def test_a_failed_job_is_told_with_its_suggestion(
        self, run: Run, platform: Platform, debate: Path
    ) -> None:
        platform.ending = pb.Job(
            state=pb.Job.FAILED,
            last_error=pb.JobError(
                error_class=pb.JobError.TIMEOUT,
                reason="TIME_LIMIT",
                message="ran too long",
                suggestion="split it",
            ),
        )
        ended = run("analyze", str(debate))
        assert ended.exit_code == 1
        for words in (
            "ended FAILED",
            "TIMEOUT TIME_LIMIT: ran too long",
            "split it",
            "bothsides jobs retry ai-1",
        ):
            assert words in ended.stderr
        ended = run("analyze", str(debate), "--json")
        assert ended.exit_code == 1
        assert json_lines(ended.stdout)[0]["last_error"]["reason"] == "TIME_LIMIT"

    def test_markdown_is_only_the_report(self, run: Run, platform: Platform, debate: Path) -> None:
        platform.ending = result()
        ended = run("analyze", str(debate), "--markdown")
        assert ended.stdout.startswith("# Trains\n")

    def test_bad_input_is_named_and_nothing_is_sent(
        self, run: Run, platform: Platform, tmp_path: Path
    ) -> None:
        bad = {
            "empty.txt": (b"", "is empty"),
            "alone.txt": (b"Ann: x", "one speaker"),
            "twice.json": (
                b'{"turns": [{"turn_id": "a", "speaker": "x", "text": "1"},'
                b' {"turn_id": "a", "speaker": "y", "text": "2"}]}',
                "turns[1].turn_id",
            ),
            "large.txt": (b"x" * 10_000_000, "8 MiB"),
            "latin1.txt": (b"Ann: caf\xe9\nBob: x", "byte 8"),
        }
        for name, (content, message) in bad.items():
            (tmp_path / name).write_bytes(content)
            ended = run("analyze", str(tmp_path / name))
            assert (ended.exit_code, ended.stdout) == (2, "")
            assert name in ended.stderr
            assert message in ended.stderr
        assert run("analyze", str(tmp_path / "none.txt")).exit_code == 2
        assert not platform.calls

    def test_an_unknown_choice_lists_the_known_ones(self, run: Run, debate: Path) -> None:
        ended = run("analyze", str(debate), "--dimension", "charm")
        assert ended.exit_code == 2
        assert "linguistics" in ended.stderr

    def test_the_same_work_is_one_function_for_other_programs(
        self, server: PlatformServer, platform: Platform, debate: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        platform.ending = result()
        with Client(server.address, server.address) as client:
            for watch, path, code in (
                (True, debate, 0),
                (False, debate, 0),
                (True, debate.parent / "no.txt", 2),
            ):
                assert code == run_analyze(
                    client,
                    path,
                    console=Console(),
                    dimensions=(),
                    detailed=False,
                    watch=watch,
                    json_output=False,
                )
        printed = capsys.readouterr()
        assert "Debaters" in printed.out
        assert "cannot be read" in printed.err

    def test_an_interrupt_leaves_the_job_alone_and_says_so(
        self, server: PlatformServer, debate: Path
    ) -> None:
        server.platform.may_end.clear()
        code, stderr = interrupted(server, "WatchJob", "analyze", str(debate))
        assert code == 130
        assert "ai-1" in stderr
        assert "bothsides jobs cancel" in stderr
        assert "Traceback" not in stderr
        assert server.platform.calls["CancelJob"] == []


class TestJobs:
    @pytest.fixture(autouse=True)
    def job(self, platform: Platform) -> pb.Job:
        platform.jobs["ai-1"] = pb.Job(
            job_id="ai-1",
            state=pb.Job.RUNNING,
            type=pb.Job.TRANSCRIPT_ANALYSIS,
            queue="ai_analysis",
            conversation_id="c1",
            create_time=NOW,
            progress=pb.Progress(fraction=0.25, stage="Reading"),
        )
        return platform.jobs["ai-1"]

    def test_get_shows_a_job_for_people_and_for_scripts(self, run: Run, platform: Platform) -> None:
        shown = run("jobs", "get", "ai-1").stdout
        assert "RUNNING" in shown
        assert "25% Reading" in shown
        (job,) = json_lines(run("jobs", "get", "ai-1", "--full", "--json").stdout)
        assert (job["job_id"], job["progress"]["fraction"]) == ("ai-1", 0.25)
        assert [call.view for call in platform.calls["GetJob"]] == [pb.JOB_VIEW_BASIC, pb.JOB_VIEW_FULL]

    def test_get_shows_the_report_of_a_finished_analysis(
        self, run: Run, platform: Platform, job: pb.Job
    ) -> None:
        job.MergeFrom(result())
        platform.conversations["c1"] = pb.Conversation(
            participants=[pb.Participant(participant_id="ann", display_name="Ann Lee")]
        )
        assert "Ann Lee" in run("jobs", "get", "ai-1", "--full").stdout

    def test_get_shows_any_other_result_as_json(self, run: Run, job: pb.Job) -> None:
        job.result.generic.number_value = 7.5
        assert "7.5" in run("jobs", "get", "ai-1", "--full").stdout

    def test_list_prints_a_table_or_lines(self, run: Run, platform: Platform) -> None:
        assert "ai-1" in run("jobs", "list").stdout
        listed = json_lines(
            run("jobs", "list", "--filter", "state = RUNNING", "--limit", "1", "--json").stdout
        )
        assert [job["job_id"] for job in listed] == ["ai-1"]
        assert platform.calls["ListJobs"][-1].filter == "state = RUNNING"
        platform.jobs.clear()
        assert run("jobs", "list").stdout == "no jobs\n"
        assert run("jobs", "list", "--json").stdout == ""

    def test_watch_prints_every_message_as_a_line(self, run: Run, platform: Platform) -> None:
        platform.events = [pb.WatchJobResponse(progress=pb.Progress(fraction=0.5))]
        ended = run("jobs", "watch", "ai-1", "--json")
        assert [next(iter(line)) for line in json_lines(ended.stdout)] == [
            *("snapshot", "progress", "state_change", "snapshot")
        ]
        assert ended.exit_code == 0
        assert len(json_lines(run("jobs", "watch", "ai-1", "--resume-token", "3", "--json").stdout)) == 2

    def test_watch_exits_with_1_unless_the_job_succeeds(self, run: Run, platform: Platform) -> None:
        platform.ending = pb.Job(state=pb.Job.CANCELLED)
        ended = run("jobs", "watch", "ai-1")
        assert ended.exit_code == 1
        assert "CANCELLED" in ended.stdout

    def test_cancel_and_retry_say_what_has_become_of_the_job(self, run: Run) -> None:
        assert run("jobs", "cancel", "ai-1").stdout == "ai-1 is CANCELLED\n"
        retried = run("jobs", "retry", "ai-1")
        assert retried.stdout == "ai-1 is PENDING\n"
        assert "bothsides jobs watch ai-1" in retried.stderr
        assert json_lines(run("jobs", "cancel", "ai-1", "--json").stdout)[0]["state"] == "CANCELLED"


class TestConversationsAndAnalyses:
    def test_what_is_put_can_be_got_and_read_again(
        self, run: Run, platform: Platform, debate: Path, tmp_path: Path
    ) -> None:
        """Both outputs of `conversations get` are transcripts themselves."""
        assert "is stored" in run("conversations", "put", str(debate)).stdout
        (name,) = platform.conversations
        for flags, suffix in (((), "txt"), (("--json",), "json")):
            copy = tmp_path / f"copy.{suffix}"
            copy.write_text(run("conversations", "get", name, *flags).stdout)
            assert run("conversations", "put", str(copy), "--json").exit_code == 0
        stored = list(platform.conversations.values())
        for each in stored:
            assert each.title == "Trains"
            assert each.turns == stored[0].turns
            assert each.participants == stored[0].participants
        assert len(json_lines(run("conversations", "list", "--json").stdout)) == len(stored)
        assert name in run("conversations", "list").stdout

        for each in stored[1:]:
            platform.conversations.pop(each.conversation_id)
        deleted = run("conversations", "delete", name, "--yes")
        assert deleted.stdout == f"{name} is deleted, with 2 answers of models.\n"
        assert not platform.conversations
        assert run("conversations", "delete", name, "--yes").exit_code != 0

        for each in stored:
            platform.conversations[each.conversation_id] = each
        assert run("conversations", "delete").exit_code == 2
        assert run("conversations", "delete", name, "--all", "--yes").exit_code == 2
        deleted = run("conversations", "delete", name, "--with-jobs", "--yes")
        assert deleted.stdout == (
            f"{name} is deleted, with 2 answers of models, 3 jobs."
            " Jobs that have not stopped yet: 1; repeat it to remove them.\n"
        )
        platform.conversations[name] = stored[0]
        deleted = run("conversations", "delete", "--all", "--yes", "--json")
        assert len(json_lines(deleted.stdout)) == len({each.conversation_id for each in stored})
        assert not platform.conversations

    def test_an_analysis_is_printed_with_names_if_they_may_be_read(
        self, run: Run, platform: Platform
    ) -> None:
        platform.analyses["c1"] = pb.Analysis(
            conversation_id="c1", job_id="ai-1", result=result().result.analysis, update_time=NOW
        )
        assert "ann" in run("analyses", "get", "c1").stdout
        platform.conversations["c1"] = pb.Conversation(
            title="Trains", participants=[pb.Participant(participant_id="ann", display_name="Ann Lee")]
        )
        assert "Ann Lee" in run("analyses", "get", "c1").stdout
        assert run("analyses", "get", "c1", "--markdown").stdout.startswith("# Trains\n")
        assert json_lines(run("analyses", "get", "c1", "--json").stdout)[0]["job_id"] == "ai-1"
        assert "ai-1" in run("analyses", "list").stdout
        assert json_lines(run("analyses", "list", "--json").stdout)[0]["conversation_id"] == "c1"

    def test_insights_are_a_narrative_a_table_and_steps(self, run: Run, platform: Platform) -> None:
        found = pb.LearningInsights(participant_id="ann", narrative="4 of 4 conversations count.")
        found.trends.add(metric="tone.mean", verdict=pb.LearningInsights.INSUFFICIENT_DATA)
        number = pb.Metric(value=0.25, unit="0..1", sample_size=4)
        found.trends.add(
            metric="arguments.rebuttal_rate",
            verdict=pb.LearningInsights.DECLINING,
            first=number,
            last=number,
            slope=number,
            p_value=0.0167,
        )
        step = found.next_steps.add(metric="arguments.rebuttal_rate", feed_forward="Answer each.")
        step.passages.add(conversation_id="c4", turn_id="t7", start=3, end=9)
        platform.insights["ann"] = pb.Insights(participant_id="ann", job_id="da-1", result=found)

        told = run("insights", "get", "ann").stdout

        assert told.startswith("4 of 4 conversations count.\n")
        assert "declining" in told
        assert "0.017" in told
        assert "tone.mean" not in told  # no conversation holds it
        assert "Answer each." in told
        assert "c4, turn t7, 3 to 9" in told
        assert json_lines(run("insights", "get", "ann", "--json").stdout)[0]["job_id"] == "da-1"
        missing = run("insights", "get", "bob")
        assert missing.exit_code == 1
        assert "no insights" in missing.stderr

    def test_insights_are_made_by_a_job(self, run: Run, platform: Platform) -> None:
        made = run("insights", "make", "ann", "c2", "c1", "--max-analyses", "9", "--no-watch")
        assert made.exit_code == 0, made.output
        [job] = platform.jobs.values()
        spec = job.spec.learning_insights
        assert (spec.participant_id, list(spec.conversation_ids), spec.max_analyses) == (
            "ann",
            ["c2", "c1"],
            9,
        )


class TestMonitoring:
    def test_health_is_words_and_an_exit_code(self, run: Run, platform: Platform) -> None:
        assert run("health").exit_code == 0
        platform.health = pb.Health(
            status=pb.Health.UNHEALTHY,
            read_time=NOW,
            issues=[
                pb.Health.Issue(
                    code="NO_WORKERS",
                    severity=pb.Health.UNHEALTHY,
                    queue="ai_analysis",
                    message="3 jobs wait",
                    recommendation="start a worker",
                )
            ],
        )
        ended = run("health")
        assert ended.exit_code == 1
        assert "NO_WORKERS (ai_analysis): 3 jobs wait" in ended.stdout
        assert "start a worker" in ended.stdout
        (health,) = json_lines(run("health", "--json").stdout)
        assert health["status"] == "UNHEALTHY"

    def test_a_health_watch_prints_until_it_is_interrupted(self, server: PlatformServer) -> None:
        server.platform.may_end.clear()
        assert interrupted(server, "WatchHealth", "health", "--watch") == (130, "")

    def test_queues_and_workers_are_listed(self, run: Run, platform: Platform) -> None:
        platform.queues = [
            pb.QueueStats(
                queue="exports",
                pending=3,
                oldest_pending_age=Duration(seconds=75),
                wait=pb.QueueStats.Latency(p95=Duration(nanos=7_000_000), sample_count=9),
            )
        ]
        platform.workers = [
            pb.Worker(worker_id="w1", host="here", pid=7, slot_count=8, running=2, queues=["exports"])
        ]
        shown = run("queues", "stats").stdout
        for words in ("exports", "75 s", "7 ms", "–"):
            assert words in shown
        assert json_lines(run("queues", "stats", "--json").stdout)[0]["pending"] == "3"
        assert "2/8" in run("workers", "list").stdout
        assert json_lines(run("workers", "list", "--json").stdout)[0]["pid"] == 7
        platform.queues, platform.workers = [], []
        assert "no queues" in run("queues", "stats").stdout
        assert "bothsides up" in run("workers", "list").stdout


class TestErrors:
    def test_nobody_there_is_exit_3_with_the_way_out(self) -> None:
        ended = CliRunner().invoke(build_app(), ["--scheduler", NOBODY, "jobs", "get", "ai-1"])
        assert (ended.exit_code, ended.stdout) == (3, "")
        assert f"scheduler at {NOBODY} does not answer" in ended.stderr
        assert "bothsides up" in ended.stderr

    def test_a_missing_job_is_exit_1(self, run: Run) -> None:
        ended = run("jobs", "get", "ai-404", "--json")
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert ended.stderr == "error: no job 'ai-404'\n"  # the server's own words need no hint of ours

    def test_several_wrong_fields_have_a_line_each(self, run: Run, platform: Platform) -> None:
        fields = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field="filter", description="is too long"),
                error_details_pb2.BadRequest.FieldViolation(field="page_size", description="is negative"),
            ]
        )
        platform.refuse(
            "ListJobs", status(grpc.StatusCode.INVALID_ARGUMENT, "both", reason("FIELD_INVALID"), fields)
        )
        ended = run("jobs", "list")
        assert ended.exit_code == 2
        assert "  filter: is too long\n  page_size: is negative\n" in ended.stderr

    def test_the_time_to_wait_is_said(self, run: Run, platform: Platform, debate: Path) -> None:
        full = status(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "queue is full",
            error_details_pb2.RetryInfo(retry_delay=Duration(seconds=50)),  # longer than the call may take
        )
        platform.refuse("CreateJob", full)
        ended = run("analyze", str(debate))
        assert ended.exit_code == 1
        assert "try again in 50 s" in ended.stderr


def test_every_command_takes_json_and_has_help(run: Run) -> None:
    commands = {
        "analyze": [],
        "health": [],
        "submit": [],
        "failures": ["retry"],
        "queues": ["list", "get", "stats", "pause", "resume", "drain", "set"],
        "workers": ["list"],
        "analyses": ["get", "list"],
        "insights": ["get", "make"],
        "jobs": [
            *("get", "list", "watch", "explain", "attempts", "logs"),
            *("cancel", "retry", "update", "delete"),
        ],
        "conversations": ["put", "get", "list", "delete"],
    }
    for command, subcommands in commands.items():
        for words in [[command, each] for each in subcommands] or [[command]]:
            ended = run(*words, "--help")
            assert ended.exit_code == 0
            assert "--json" in ended.stdout, words


def test_a_fault_of_the_command_itself_is_words_and_no_traceback() -> None:
    """A frame of a traceback may hold a transcript; who reports the fault may ask for it all the same."""
    app = build_app()

    @app.command("break")
    def break_() -> None:
        raise ZeroDivisionError("a confession")

    ended = CliRunner().invoke(app, ["break"])
    assert (ended.exit_code, ended.stdout) == (70, "")
    assert "ZeroDivisionError" in ended.stderr
    assert "confession" not in ended.stderr
    shown = CliRunner(env={"BOTHSIDES_TRACEBACK": "1"}).invoke(app, ["break"])
    assert isinstance(shown.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scheduler", "nowhere"), "must be host:port"),
        (("--scheduler", "a:1,b:2"), "several addresses must be numbers"),
        (("--ca-file", "none.pem"), "CA file none.pem cannot be read"),
        (("--cert-file", "none.pem"), "give both files"),
        (("--token-file", "none.txt"), "none.txt cannot be read"),
        (("--token", "a", "--token-file", "b"), "not both"),
    ],
)
def test_options_that_cannot_be_used_are_exit_2_and_named(options: tuple[str, ...], words: str) -> None:
    ended = CliRunner().invoke(build_app(), [*options, "jobs", "list"])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert words in " ".join(ended.stderr.replace("│", " ").split())


def test_the_choices_are_those_of_the_contract() -> None:
    assert {f"DIMENSION_{each.name}" for each in DimensionName} == set(pb.Dimension.keys()) - {
        "DIMENSION_UNSPECIFIED"
    }
    policies = set(pb.CreateJobRequest.DuplicatePolicy.keys()) - {"DUPLICATE_POLICY_UNSPECIFIED"}
    assert {each.name for each in Duplicates} == policies
    assert {each.name for each in Priority} == set(pb.Job.Priority.keys()) - {"PRIORITY_UNSPECIFIED"}
    assert tuple(each.value for each in Format) == FORMATS


def test_help_and_usage_need_no_grpc() -> None:
    """What `--help` imports is what everyone waits for."""
    code = (
        "import sys\nsys.argv = ['bothsides', '--help']\nfrom bothsides_client.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('grpc', 'google.protobuf') if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr.strip() == "[]"
