"""How single messages and lists of them look to people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from bothsides.jobs import v1 as pb
from bothsides_client.cli.tables import (
    moment,
    new_table,
    paid,
    print_pairs,
    print_table,
    span,
    styled,
    usage,
    when,
)
from bothsides_client.report import render_report, report_view
from bothsides_client.report.wording import MISSING, printable
from bothsides_client.wire import as_json

#: Attempts of a job that is tried for ever, as an actor may say.
_UNLIMITED = 2**31 - 1


def show_job(job: pb.Job, console: Console, conversation: pb.Conversation | None = None) -> None:
    """Print one job; with a result in it, that as well: an analysis as its report, anything else as JSON."""
    rows = [
        ("Job", job.job_id),
        ("State", pb.Job.State.Name(job.state)),
        ("Type", pb.Job.Type.Name(job.type)),
        ("Queue", job.queue),
        ("Priority", pb.Job.Priority.Name(job.priority)),
        ("Conversation", job.conversation_id),
        ("Actor", job.actor),
        ("Unique key", job.unique_key),
        ("Batch", job.batch_id),
        ("Waits for", pb.Blocker.Kind.Name(job.wait_reason) if job.wait_reason else ""),
        ("Progress", _progress(job)),
        ("Attempts", _attempts(job)),
        ("Timeout", span(job.timeout) if job.HasField("timeout") else ""),
        ("Lost workers", str(job.lost_count) if job.lost_count else ""),
        ("Created", moment(job.create_time) if job.HasField("create_time") else ""),
        ("Started", moment(job.start_time) if job.HasField("start_time") else ""),
        ("Next attempt", moment(job.next_attempt_time) if job.HasField("next_attempt_time") else ""),
        ("Deadline", moment(job.deadline_time) if job.HasField("deadline_time") else ""),
        ("Expires", moment(job.expire_time) if job.HasField("expire_time") else ""),
        ("Ended", moment(job.end_time) if job.HasField("end_time") else ""),
        ("Used", usage(job.usage) if job.HasField("usage") else ""),
        ("Paid", paid(job.paid_usage) if job.HasField("paid_usage") else ""),
        ("Spec revision", str(job.spec_revision) if job.spec_revision > 1 else ""),
        ("Labels", ", ".join(f"{key}={value}" for key, value in sorted(job.labels.items()))),
        ("Worker", job.worker),
        ("Trace", job.trace_id),
    ]
    if job.HasField("last_error"):
        error = job.last_error
        rows.append(("Last error", f"{pb.JobError.ErrorClass.Name(error.error_class)} {error.reason}"))
        rows.append(("", error.message))
        rows.append(("To do", error.suggestion))
    print_pairs([(label, text) for label, text in rows if text], console)
    match job.result.WhichOneof("kind"):
        case "analysis":
            render_report(report_view(job.result.analysis, conversation), console)
        case str() as kind:
            console.print()
            console.print_json(data=as_json(job.result)[kind])


def _attempts(job: pb.Job) -> str:
    most = job.retry_policy.max_attempts
    return f"{job.attempt_count} of {most}" if 0 < most < _UNLIMITED else str(job.attempt_count)


def show_state(job: pb.Job, console: Console) -> None:
    """Print one line: what has become of the job."""
    console.print(Text.assemble(f"{job.job_id} is ", styled(pb.Job.State.Name(job.state))), soft_wrap=True)


def show_jobs(jobs: Iterable[pb.Job], console: Console) -> None:
    """Print a table of jobs."""
    rows = new_table("Job", "State", "Done", "Created", "About")
    for job in jobs:
        rows.add_row(
            job.job_id,
            styled(pb.Job.State.Name(job.state)),
            _progress(job).partition(" ")[0],
            when(job.create_time),
            printable(job.conversation_id or job.actor),
        )
    print_table(rows, "no jobs", console)


def show_conversation(conversation: pb.Conversation, console: Console) -> None:
    """Print a transcript as "Name: words", which `analyze` reads again."""
    names = {each.participant_id: _label(each) for each in conversation.participants}
    for label, text in (("Title", conversation.title), ("Motion", conversation.motion)):
        if text:
            console.print(Text(f"{label}: {printable(text)}"), soft_wrap=True)
    for turn in conversation.turns:
        name = names.get(turn.participant_id) or printable(turn.participant_id)
        console.print(Text.assemble((f"{name}:", "bold"), f" {printable(turn.text)}"), soft_wrap=True)


def _label(person: pb.Participant) -> str:
    """Return the name with what a transcript says of its speaker: "Jane Doe (against)"."""
    name = printable(person.display_name or person.participant_id)
    match person.role:
        case pb.Participant.MODERATOR:
            return f"{name} (moderator)"
        case pb.Participant.AUDIENCE:
            return f"{name} (audience)"
    return f"{name} ({printable(person.side)})" if person.side else name


def show_stored(conversation: pb.Conversation, console: Console) -> None:
    """Print one line: what was put."""
    console.print(Text(f"{conversation.conversation_id} is stored."), soft_wrap=True)


def show_conversations(conversations: Iterable[pb.Conversation], console: Console) -> None:
    """Print a table of conversations."""
    rows = new_table("Conversation", "Turns", "Words", "Updated", "Title")
    for each in conversations:
        rows.add_row(
            each.conversation_id,
            f"{each.turn_count:,}",
            f"{each.word_count:,}",
            when(each.update_time),
            printable(each.title),
        )
    print_table(rows, "no conversations", console)


def show_analyses(analyses: Iterable[pb.Analysis], console: Console) -> None:
    """Print a table of kept analyses."""
    rows = new_table("Conversation", "Updated", "Job")
    for each in analyses:
        rows.add_row(each.conversation_id, when(each.update_time), each.job_id)
    print_table(rows, "no analyses", console)


def show_health(health: pb.Health, console: Console) -> None:
    """Print the status and its issues, each with what to do."""
    when = moment(health.read_time) if health.HasField("read_time") else "never"
    console.print(Text.assemble(styled(pb.Health.Status.Name(health.status)), f"  read {when}"))
    for issue in health.issues:
        place = f" ({issue.queue})" if issue.queue else ""
        console.print(
            Text.assemble(
                "  ", styled(pb.Health.Status.Name(issue.severity)), f" {issue.code}{place}: {issue.message}"
            )
        )
        if issue.recommendation:
            console.print(Text(f"    {issue.recommendation}", style="dim"))


def show_queue_stats(queues: Iterable[pb.QueueStats], console: Console) -> None:
    """Print a table of the queues' statistics; counts are of the last hour."""
    rows = new_table(
        "Queue", "Waiting", "Running", "Done/h", "Failed/h", "Oldest", "Wait p95", "Run p95", "Slots"
    )
    for each in queues:
        rows.add_row(
            each.queue + (" (paused)" if each.paused else ""),
            f"{each.scheduled + each.pending + each.retrying:,}",
            f"{each.running:,}",
            f"{each.last_hour.succeeded:,}",
            f"{each.last_hour.failed:,}",
            span(each.oldest_pending_age) if each.HasField("oldest_pending_age") else MISSING,
            span(each.wait.p95) if each.wait.HasField("p95") else MISSING,
            span(each.run.p95) if each.run.HasField("p95") else MISSING,
            str(each.slot_count),
        )
    print_table(rows, "no queues: none was declared yet by a worker", console)


def show_workers(workers: Iterable[pb.Worker], console: Console) -> None:
    """Print a table of workers."""
    rows = new_table("Worker", "Host", "Pid", "Running", "Queues", "Started", "Heard")
    for each in workers:
        rows.add_row(
            each.worker_id,
            each.host,
            str(each.pid),
            f"{each.running}/{each.slot_count}",
            ", ".join(each.queues),
            when(each.start_time),
            when(each.heartbeat_time),
        )
    print_table(rows, "no workers: start one with `bothsides up`, or `python -m analysis_worker`", console)


def _progress(job: pb.Job) -> str:
    """Return such as "25% Reading the transcript"; "" unless an attempt is running."""
    running = job.state in (pb.Job.RUNNING, pb.Job.CANCELLING) and job.HasField("progress")
    return f"{job.progress.fraction:.0%} {job.progress.stage}" if running else ""
