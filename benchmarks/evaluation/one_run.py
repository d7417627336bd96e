"""Analyses all debates of a directory once, and prints what it cost and a digest of each result."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis_worker.domain.result import Dimension, DimensionResult
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.engines.local.tone import valence_of
from analysis_worker.wire.analysis import analysis_to_pb
from evaluation import gold


def main() -> None:
    """Analyse, and print JSON."""
    engine = LocalEngine()
    debates = gold.debates(Path(sys.argv[1]))
    valence_of("warm up")
    engine.prepare(debates[0])
    digests, words = [], 0
    began_s = time.process_time()
    for debate in debates:
        document = engine.prepare(debate)
        results: dict[Dimension, DimensionResult] = {}
        for dimension in (*(one for one in Dimension if one is not Dimension.QUALITY), Dimension.QUALITY):
            results[dimension] = engine.analyze(document, dimension, results)
        provenance = [engine.provenance(dimension, document) for dimension in Dimension]
        analysis = engine.combine(
            debate.conversation_id, engine.overview(document), results, provenance, engine.safety(document)
        )
        message = analysis_to_pb(analysis, include_detailed=True)
        digests.append(hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest())
        words += document.word_count
    print(
        json.dumps(
            {
                "cpu_s": time.process_time() - began_s,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
                "turns": sum(len(debate.turns) for debate in debates),
                "words": words,
                "digests": digests,
            }
        )
    )


if __name__ == "__main__":
    main()
