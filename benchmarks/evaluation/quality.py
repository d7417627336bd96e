"""Quality against judges of debates between models: reported only, as no winner is ever declared.

The side with the higher overall score is held against the sign of the judges' mean margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis_worker.domain.result import Dimension, Quality
from analysis_worker.engines.local.engine import LocalEngine
from evaluation import gold
from evaluation.row import Part, Row, interval


def part(data: Path) -> Part:
    """Return how well the difference of scores tells the judges' favourite."""
    margins = {line["id"]: line["mean_margin_pro"] for line in gold.lines(data, "judged_debates")}
    engine = LocalEngine()
    points: list[tuple[float, bool]] = []
    for debate in gold.debates(data, "judged_debates"):
        if not margins[debate.conversation_id]:
            continue
        quality = engine.analyze(engine.prepare(debate), Dimension.QUALITY)
        if isinstance(quality, Quality):
            scores = {one.participant_id: one.overall.score for one in quality.participants}
            sides = {one.side: scores.get(one.participant_id) for one in debate.participants}
            ours, theirs = sides.get("for"), sides.get("against")
            if ours is not None and theirs is not None:
                points.append((ours - theirs, margins[debate.conversation_id] > 0))
    if not points:
        return Part(
            "Quality", (Row("favourite of judges, AUC", None, note="not measured: no debate was rated"),)
        )
    low, high = interval(points, auc)
    row = Row(
        "favourite of judges, AUC",
        auc(points),
        len(points),
        low,
        high,
        reference="0.77 by 21 features fitted to such debates; judges agree in 0.74",
        note="reported only: the weights were not fitted to it",
    )
    return Part("Quality", (row,))


def auc(points: Sequence[tuple[float, bool]]) -> float:
    """Return how often a favoured one stands above another; ties count half, 0.5 if there is but one kind."""
    good = [score for score, favoured in points if favoured]
    bad = [score for score, favoured in points if not favoured]
    if not good or not bad:
        return 0.5
    wins = sum((one > other) + 0.5 * (one == other) for one in good for other in bad)
    return wins / (len(good) * len(bad))
