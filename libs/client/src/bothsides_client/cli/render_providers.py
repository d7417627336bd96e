"""How limits, circuits and budgets of paid providers look to people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from bothsides.jobs import v1 as pb
from bothsides_client.cli.tables import moment, new_table, print_pairs, print_table, span, styled, usd
from bothsides_client.report.wording import MISSING


def show_all_limits(models: Iterable[pb.ProviderLimits], console: Console) -> None:
    """Print a table of models: what is left, what is under way, what waits."""
    rows = new_table("Provider", "Model", "Left", "In flight", "Waiting", "Made", "Refused", "Reused")
    for limits in models:
        rows.add_row(
            limits.provider,
            limits.model,
            ", ".join(_left(limits)) or "not known yet",
            f"{limits.in_flight} of {limits.allowed_in_flight}",
            f"{limits.waiting:,}",
            f"{limits.granted_count:,}",
            f"{limits.refused_count:,}",
            f"{limits.reused_count:,}",
        )
    print_table(rows, "no models: one is listed once it was called, or limited", console)


def show_limits(limits: pb.ProviderLimits, console: Console) -> None:
    """Print one model with all that is known of its calls."""
    set_ = [
        f"{getattr(limits, field):,} {words}"
        for field, words in (
            ("requests_per_minute", "requests a minute"),
            ("tokens_per_minute", "tokens a minute"),
            ("input_tokens_per_minute", "input tokens a minute"),
            ("output_tokens_per_minute", "output tokens a minute"),
            ("max_in_flight", "at once"),
        )
        if limits.HasField(field)  # type: ignore[arg-type]
    ]
    rows = [
        ("Provider", limits.provider),
        ("Model", limits.model),
        ("Limits set", ", ".join(set_) or "none: the provider's own hold"),
        ("Left", ", ".join(_left(limits)) or "not known yet"),
        ("Paused until", moment(limits.pause_until_time) if limits.HasField("pause_until_time") else ""),
        ("In flight", f"{limits.in_flight} of {limits.allowed_in_flight}"),
        ("Waiting", f"{limits.waiting:,}"),
        ("A call takes", span(limits.mean_latency) if limits.HasField("mean_latency") else ""),
        ("Made", f"{limits.granted_count:,}"),
        ("Refused", f"{limits.refused_count:,}"),
        ("Failed", f"{limits.failed_count:,}"),
        ("Caller died", f"{limits.lapsed_count:,}"),
        ("Reused", f"{limits.reused_count:,}"),
        ("Answers kept", f"{limits.kept_answer_count:,} in {limits.kept_answer_bytes:,} bytes"),
    ]
    print_pairs([(label, text) for label, text in rows if text], console)


def show_circuits(circuits: Iterable[pb.Circuit], console: Console) -> None:
    """Print a table of circuits."""
    rows = new_table("Provider", "Model", "State", "Reason", "Since", "Until", "Failures")
    for circuit in circuits:
        rows.add_row(
            circuit.provider,
            circuit.model,
            styled(pb.Circuit.State.Name(circuit.state)),
            circuit.reason or MISSING,
            moment(circuit.open_time) if circuit.HasField("open_time") else MISSING,
            _until(circuit),
            str(circuit.failure_count),
        )
    print_table(rows, "no circuits: a model has one once it was called", console)


def show_circuit(circuit: pb.Circuit, console: Console) -> None:
    """Print one circuit."""
    show_circuits([circuit], console)


def show_budgets(held: pb.TenantBudgets, console: Console) -> None:
    """Print a tenant's budgets, and what was spent."""
    rows = new_table("Budget", "Limit", "When spent")
    for budget in held.budgets:
        name = pb.Budget.Scope.Name(budget.scope).lower()
        rows.add_row(
            f"{name} {budget.batch_id}".strip(),
            usd(budget.limit_micro_usd),
            pb.Budget.SpentPolicy.Name(budget.spent_policy).lower(),
        )
    print_table(rows, f"tenant {held.tenant} has no budgets", console)
    console.print()
    books = new_table("Spent", "Cost", "Held", "Saved", "Wasted", "Calls", "Reused", "Tokens in", "out")
    named = [("in all", held.total), ("today", held.day)]
    if held.HasField("batch"):
        named.append(("batch", held.batch))
    for name, book in named:
        books.add_row(
            name,
            *(usd(amount) for amount in (book.cost_micro_usd, book.held_micro_usd)),
            *(usd(amount) for amount in (book.saved_micro_usd, book.wasted_micro_usd)),
            f"{book.call_count:,}",
            f"{book.reused_call_count:,}",
            f"{book.input_tokens:,}",
            f"{book.output_tokens:,}",
        )
    print_table(books, "", console)


def _left(limits: pb.ProviderLimits) -> list[str]:
    return [
        f"{left.left:,.0f} of {left.limit:,} {name.replace('_', ' ')}"
        for name, left in sorted(limits.left.items())
    ]


def _until(circuit: pb.Circuit) -> str:
    if circuit.HasField("open_until_time"):
        return moment(circuit.open_until_time)
    return "another key" if circuit.state == pb.Circuit.OPEN else MISSING
