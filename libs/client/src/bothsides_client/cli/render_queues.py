"""How queues with their limits look to people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from bothsides.jobs import v1 as pb
from bothsides_client.cli.tables import moment, new_table, print_pairs, print_table, span, styled
from bothsides_client.report.wording import MISSING, count


def show_queues(queues: Iterable[pb.Queue], console: Console) -> None:
    """Print a table of queues: what they do, what is in them, and what limits them."""
    rows = new_table("Queue", "State", "Waiting", "Running", "Oldest", "Workers", "Limits")
    for queue in queues:
        gauges = queue.gauges
        rows.add_row(
            queue.name,
            styled(pb.Queue.State.Name(queue.state)),
            f"{gauges.scheduled + gauges.pending + gauges.retrying:,}",
            f"{gauges.running:,}",
            span(gauges.oldest_pending_age) if gauges.HasField("oldest_pending_age") else MISSING,
            str(queue.worker_count),
            ", ".join(_limits(queue)) or "none",
        )
    print_table(rows, "no queues: one comes into being with its first worker or job", console)


def show_queue(queue: pb.Queue, console: Console) -> None:
    """Print one queue with everything that is known of it."""
    gauges = queue.gauges
    rows = [
        ("Queue", queue.name),
        ("State", pb.Queue.State.Name(queue.state)),
        ("New jobs", "are refused" if not queue.accepting else ""),
        ("Resumes", moment(queue.resume_time) if queue.HasField("resume_time") else ""),
        ("Ramp ends", moment(queue.ramp_end_time) if queue.HasField("ramp_end_time") else ""),
        ("Pending", f"{gauges.pending:,}"),
        ("Scheduled", f"{gauges.scheduled:,}"),
        ("Retrying", f"{gauges.retrying:,}"),
        ("Running", f"{gauges.running:,}"),
        ("Oldest", span(gauges.oldest_pending_age) if gauges.HasField("oldest_pending_age") else ""),
        ("Workers", str(queue.worker_count)),
        ("Limits", ", ".join(_limits(queue)) or "none"),
        ("Indexed", ", ".join(queue.indexed_labels)),
        ("Retries", _budget(queue.retry_budget) if queue.HasField("retry_budget") else ""),
    ]
    rows += _kept(queue)
    print_pairs([(label, text) for label, text in rows if text], console)
    if not queue.tenant_limits:
        return
    console.print()
    tenants = new_table("Tenant", "Weight", "Concurrency", "Window")
    for name, limits in sorted(queue.tenant_limits.items()):
        tenants.add_row(
            name,
            f"{limits.weight:g}" if limits.HasField("weight") else "1",
            str(limits.concurrency) if limits.HasField("concurrency") else MISSING,
            _window(limits.window) if limits.HasField("window") else MISSING,
        )
    print_table(tenants, "", console)


def show_queue_state(queue: pb.Queue, console: Console) -> None:
    """Print one line: what has become of the queue."""
    line = Text.assemble(f"{queue.name} is ", styled(pb.Queue.State.Name(queue.state)))
    if queue.HasField("resume_time"):
        line.append(f" until {moment(queue.resume_time)}")
    if queue.HasField("ramp_end_time"):
        line.append(f", and starts as much as it may from {moment(queue.ramp_end_time)} on")
    console.print(line, soft_wrap=True)


def _limits(queue: pb.Queue) -> list[str]:
    limits = []
    if queue.HasField("concurrency"):
        limits.append(f"{queue.concurrency:,} at once")
    if queue.HasField("worker_concurrency"):
        limits.append(f"{queue.worker_concurrency:,} a worker")
    if queue.HasField("window"):
        limits.append(_window(queue.window))
    if queue.HasField("max_depth"):
        limits.append(f"{queue.max_depth:,} waiting")
    if queue.tenant_limits:
        limits.append(count(len(queue.tenant_limits), "tenant", "tenants"))
    return limits


def _kept(queue: pb.Queue) -> list[tuple[str, str]]:
    """Return what is kept otherwise than by default, such as "1,000 succeeded, or for 48 h"."""
    policy = queue.retention
    rows = []
    for field, _ in policy.ListFields():
        if field.name == "max_bytes":
            continue
        keep: pb.RetentionPolicy.Keep = getattr(policy, field.name)
        jobs = f"the last {keep.min_jobs:,}" if keep.HasField("min_jobs") else ""
        age = f"{span(keep.min_age)} from the end" if keep.HasField("min_age") else ""
        rows.append((f"Keeps {field.name}", " and ".join(filter(None, (jobs, age)))))
    if policy.HasField("max_bytes"):
        held = queue.gauges.ended_bytes
        rows.append(("Ended jobs take", f"{held:,} of {policy.max_bytes:,} bytes"))
    return rows


def _budget(budget: pb.RetryBudget) -> str:
    """Return such as "0.2 of first attempts, and 10 a minute in any case"."""
    return f"{budget.ratio:.3g} of first attempts, and {budget.min_per_minute:,} a minute in any case"


def _window(window: pb.StartWindow) -> str:
    """Return such as "10 in 60 s"."""
    return f"{window.max_starts:,} in {span(window.period)}"
