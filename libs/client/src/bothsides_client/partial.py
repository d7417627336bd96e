"""One line for each part of an analysis as it is finished."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from bothsides_client.report.wording import Footnotes, count, printable


def partial_line(partial: pb.PartialResult) -> str:
    """Return such as "tone: +0.12 overall"; the part's bare name if nothing short can be said."""
    said = _said(partial.result.analysis) if partial.result.WhichOneof("kind") == "analysis" else ""
    name = printable(partial.part).replace("_", " ")
    return f"{name}: {said}" if said else f"{name}: done"


def _said(analysis: pb.DebateAnalysis) -> str:
    """Say the headline of each dimension that is present; a part holds one."""
    notes = Footnotes()
    said: list[str] = []
    if analysis.HasField("tone"):
        said.append(f"{notes.cell(analysis.tone.overall, '{:+.2f}').text} overall")
    if analysis.HasField("topics"):
        drift = notes.cell(analysis.topics.drift_from_motion, "{:.2f}").text
        said.append(f"{count(len(analysis.topics.segments), 'topic', 'topics')}, drift {drift}")
    if analysis.HasField("arguments"):
        claims = sum(each.claims.value for each in analysis.arguments.participants)
        dropped = len(analysis.arguments.dropped_claim_ids)
        said.append(f"{count(round(claims), 'claim', 'claims')}, {dropped} unanswered")
    if analysis.HasField("linguistics"):
        said.append(count(len(analysis.linguistics.participants), "speaker", "speakers"))
    if analysis.HasField("interaction"):
        said.append(f"balance {notes.cell(analysis.interaction.balance, '{:.2f}').text}")
    if analysis.HasField("quality"):
        overall = analysis.quality.overall
        said.append(f"{overall.score:.1f} of 5" if overall.HasField("score") else "no rating")
    return "; ".join(said)
