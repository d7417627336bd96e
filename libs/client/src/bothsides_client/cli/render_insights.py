"""Learning insights for people: the narrative, a table of trends, and what to try next."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from bothsides.jobs import v1 as pb
from bothsides_client.cli.tables import new_table, print_table
from bothsides_client.report.wording import printable


def show_insights(insights: pb.Insights, console: Console) -> None:
    """Print a participant's insights. Measures that no conversation holds are left out."""
    found = insights.result
    console.print(Text(printable(found.narrative)), soft_wrap=True)
    made = found.narrative_provenance
    if made.model:
        console.print(Text(f"Told by {printable(made.model)}, from the figures below.", style="dim"))
    elif made.degraded:
        console.print(Text(f"No model told it: {printable(made.degraded_reason)}.", style="dim"))
    rows = new_table("Measure", "Verdict", "First", "Last", "Usual", "Per debate", "p", "Percentile", "n")
    for trend in found.trends:
        if trend.first.HasField("value"):
            rows.add_row(
                trend.metric,
                pb.LearningInsights.Verdict.Name(trend.verdict).lower().replace("_", " "),
                *map(_number, (trend.first, trend.last, trend.baseline, trend.slope)),
                f"{trend.p_value:.3f}" if trend.HasField("p_value") else "-",
                _number(trend.cohort_percentile, "{:.0f}"),
                str(max(trend.slope.sample_size, trend.change.sample_size, 1)),
            )
    print_table(rows, "no conversation counts", console)
    for number, step in enumerate(found.next_steps, 1):
        console.print(Text(f"{number}. {printable(step.feed_up)}", style="bold"), soft_wrap=True)
        console.print(Text(f"   {printable(step.feed_back)}"), soft_wrap=True)
        console.print(Text(f"   {printable(step.feed_forward)}"), soft_wrap=True)
        for place in step.passages:
            where = f"   {printable(place.conversation_id)}, turn {printable(place.turn_id)}"
            console.print(Text(f"{where}, {place.start} to {place.end}", style="dim"), soft_wrap=True)


def _number(metric: pb.Metric, form: str = "{:.2f}") -> str:
    return form.format(metric.value) if metric.HasField("value") else "-"
