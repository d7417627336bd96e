"""How batches look to people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from bothsides.jobs import v1 as pb
from bothsides_client.cli.tables import moment, new_table, paid, print_pairs, print_table, styled, usd, when
from bothsides_client.report.wording import MISSING, printable


def show_batches(batches: Iterable[pb.Batch], console: Console) -> None:
    """Print a table of batches."""
    rows = new_table("Batch", "State", "Name", "Members", "Ended", "Failed", "Cost", "Created")
    for batch in batches:
        rows.add_row(
            batch.batch_id,
            styled(pb.Batch.State.Name(batch.state)),
            printable(batch.display_name) or MISSING,
            f"{batch.member_count:,}",
            f"{batch.fraction:.0%}",
            f"{_failed(batch):,}",
            usd(batch.paid_usage.cost_micro_usd) if batch.HasField("paid_usage") else MISSING,
            when(batch.create_time),
        )
    print_table(rows, "no batches", console)


def show_batch(batch: pb.Batch, console: Console) -> None:
    """Print one batch, or what one would be that was only checked."""
    policy = batch.failure_policy
    bound = f"{usd(batch.max_cost_micro_usd)}, then {pb.Budget.SpentPolicy.Name(batch.spent_policy).lower()}"
    rows = [
        ("Batch", batch.batch_id),
        ("State", pb.Batch.State.Name(batch.state) if batch.state else ""),
        ("Name", batch.display_name),
        ("Labels", ", ".join(f"{key}={value}" for key, value in sorted(batch.labels.items()))),
        ("Stopped by", pb.Batch.StopReason.Name(batch.stop_reason) if batch.stop_reason else ""),
        ("Members", f"{batch.member_count:,}{', more may follow' if batch.open else ''}"),
        ("So far", _counts(batch)),
        ("Held by", batch.submit_blocker),
        ("At once", f"{batch.parallel_limit:,}" if batch.parallel_limit else ""),
        ("May fail", _tolerated(policy)),
        ("May cost", bound if batch.max_cost_micro_usd else ""),
        ("Cost", paid(batch.paid_usage) if batch.HasField("paid_usage") else ""),
        ("Queues", ", ".join(batch.queues)),
        ("Created", moment(batch.create_time) if batch.HasField("create_time") else ""),
        ("Ends about", moment(batch.estimated_end_time) if batch.HasField("estimated_end_time") else ""),
        ("Ended", moment(batch.end_time) if batch.HasField("end_time") else ""),
        ("Kept until", moment(batch.delete_time) if batch.HasField("delete_time") else ""),
        *_estimated(batch.estimate),
    ]
    print_pairs([(label, text) for label, text in rows if text], console)


def course_of(batch: pb.Batch) -> str:
    """Return such as "40 of 120 ended, 2 failed, 3 running, $0.12"."""
    counts = batch.counts
    ended = counts.succeeded_count + counts.failed_count + counts.cancelled_count + counts.expired_count
    said = [f"{ended:,} of {batch.member_count:,} ended"]
    if failed := _failed(batch):
        said.append(f"{failed:,} failed")
    if counts.running_count:
        said.append(f"{counts.running_count:,} running")
    if batch.HasField("paid_usage"):
        said.append(usd(batch.paid_usage.cost_micro_usd))
    if batch.submit_blocker:
        said.append(f"held by {batch.submit_blocker}")
    return ", ".join(said)


def _failed(batch: pb.Batch) -> int:
    return batch.counts.failed_count + batch.counts.expired_count


def _counts(batch: pb.Batch) -> str:
    told = [(getattr(batch.counts, field.name), field.name) for field in pb.BatchCounts.DESCRIPTOR.fields]
    return ", ".join(f"{number:,} {name.removesuffix('_count')}" for number, name in told if number)


def _tolerated(policy: pb.BatchFailurePolicy) -> str:
    bounds = []
    if not policy.HasField("tolerated_count") or policy.tolerated_fraction < 1:
        bounds.append(f"{policy.tolerated_fraction:.0%}")
    if policy.HasField("tolerated_count"):
        bounds.append(f"{policy.tolerated_count:,}")
    goes_on = policy.action == pb.BatchFailurePolicy.CONTINUE
    return f"{' or '.join(bounds)}, {'and it goes on' if goes_on else 'then it stops'}"


def _estimated(estimate: pb.BatchEstimate) -> list[tuple[str, str]]:
    rows = []
    if estimate.planned_member_count:
        read = f"by the texts of {estimate.planned_member_count:,}"
        rows.append(("Planned cost", f"{usd(estimate.planned_cost_micro_usd)}, {read}"))
    if estimate.sample_count:
        rows.append(
            (
                "As others cost",
                f"{usd(estimate.cost_micro_usd_p50)} to {usd(estimate.cost_micro_usd_max)}, "
                f"by {estimate.sample_count:,} jobs",
            )
        )
    if estimate.HasField("start_time_p50"):
        rows.append(("Starts about", moment(estimate.start_time_p50)))
    return rows
