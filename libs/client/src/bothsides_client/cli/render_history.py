"""How explanations, attempts, logs, failures and events look to people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from bothsides.jobs import v1 as pb
from bothsides_client.cli.tables import moment, new_table, print_table, span_s, styled, usage, when
from bothsides_client.partial import partial_line
from bothsides_client.report.wording import MISSING, count, printable

#: States in which a job waits for something.
_WAITING = (pb.Job.SCHEDULED, pb.Job.PENDING, pb.Job.RETRYING)


def show_explanation(explanation: pb.ExplainJobResponse, console: Console) -> None:
    """Print why a job has not started: what is in the way, in order, and what clears when."""
    state = Text.assemble(f"{explanation.job_id} is ", styled(pb.Job.State.Name(explanation.state)))
    if explanation.state not in _WAITING:
        console.print(Text.assemble(state, ": it waits for nothing."), soft_wrap=True)
        return
    if explanation.jobs_ahead_count:
        state.append(f", behind {count(explanation.jobs_ahead_count, 'job', 'jobs')}")
    if explanation.HasField("estimated_start_p50"):
        state.append(f"; starts about {moment(explanation.estimated_start_p50)}")
    if explanation.HasField("estimated_start_p90"):
        state.append(f", by {moment(explanation.estimated_start_p90)} in 9 of 10 cases")
    console.print(state, soft_wrap=True)
    if not explanation.blockers:
        console.print("Nothing is in its way: it starts with the next free slot.", soft_wrap=True)
        return
    rows = new_table("", "In the way", "At", "Limit", "Clears", "About")
    for place, blocker in enumerate(explanation.blockers, 1):
        rows.add_row(
            f"{place}.",
            pb.Blocker.Kind.Name(blocker.kind),
            _number(blocker.value) if blocker.HasField("value") else MISSING,
            _number(blocker.limit) if blocker.HasField("limit") else MISSING,
            _clears(blocker, explanation),
            printable(blocker.detail),
        )
    print_table(rows, "", console)


def _clears(blocker: pb.Blocker, explanation: pb.ExplainJobResponse) -> str:
    """Return when it clears, and in how long; both by the server's clock."""
    if not blocker.HasField("clear_time"):
        return MISSING
    left_ms = blocker.clear_time.ToMilliseconds() - explanation.evaluate_time.ToMilliseconds()
    return f"{moment(blocker.clear_time)[11:]}, in {span_s(max(0, left_ms) / 1000)}"


def _number(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"


def show_attempts(attempts: Iterable[pb.Attempt], console: Console) -> None:
    """Print a table of a job's attempts."""
    rows = new_table("Attempt", "Outcome", "Started", "Took", "Used", "Worker", "Error")
    for each in attempts:
        took = MISSING
        if each.HasField("end_time"):
            took = span_s((each.end_time.ToMilliseconds() - each.start_time.ToMilliseconds()) / 1000)
        rows.add_row(
            str(each.attempt),
            styled(pb.Attempt.Outcome.Name(each.outcome)),
            when(each.start_time),
            took,
            usage(each.usage) if each.HasField("usage") else MISSING,
            printable(each.worker),
            _error(each.error) if each.HasField("error") else "",
        )
    print_table(rows, "no attempts yet", console)


def show_log(entries: Iterable[pb.JobLogEntry], console: Console) -> None:
    """Print the lines of a job's log."""
    for entry in entries:
        console.print(
            Text.assemble(
                (f"{moment(entry.time)} {entry.attempt} ", "dim"),
                styled(f"{pb.JobLogEntry.Severity.Name(entry.severity):7s}"),
                f" {printable(entry.message)}",
            ),
            soft_wrap=True,
        )


def show_failures(groups: Iterable[pb.FailureGroup], console: Console) -> None:
    """Print a table of what went wrong, by group."""
    rows = new_table("Group", "Jobs", "Class", "Reason", "Actor", "Queue", "Last", "Message")
    for group in groups:
        rows.add_row(
            group.fingerprint,
            f"{group.job_count:,}",
            pb.JobError.ErrorClass.Name(group.error_class),
            printable(group.reason),
            printable(group.actor),
            group.queue,
            when(group.last_time) if group.HasField("last_time") else MISSING,
            printable(group.message),
        )
    print_table(rows, "no failed jobs", console)


def show_events(message: pb.WatchJobsResponse, console: Console) -> None:
    """Print a line for each event of a watch of many jobs."""
    if message.HasField("reset"):
        console.print(
            Text("too much happened since the last message; some of it is not shown", style="yellow")
        )
    for event in message.events:
        time = moment(event.event_time)[11:] if event.HasField("event_time") else "        "
        console.print(Text.assemble((f"{time} ", "dim"), f"{event.job_id}  ", _told(event)), soft_wrap=True)


def _told(event: pb.WatchJobsResponse.Event) -> Text:
    match event.WhichOneof("event"):
        case "snapshot":
            return Text.assemble("is ", styled(pb.Job.State.Name(event.snapshot.state)))
        case "state_change":
            change = event.state_change
            told = Text.assemble("moved to ", styled(pb.Job.State.Name(change.state)))
            if change.HasField("error"):
                told.append(f": {_error(change.error)}")
            return told
        case "progress":
            return Text(f"{event.progress.fraction:4.0%}  {printable(event.progress.stage)}")
        case "partial_result":
            return Text(partial_line(event.partial_result))
        case "removed":
            return Text("no longer matches", style="dim")
    return Text("")


def _error(error: pb.JobError) -> str:
    kind = pb.JobError.ErrorClass.Name(error.error_class)
    return f"{kind} {printable(error.reason)}: {printable(error.message)}"
