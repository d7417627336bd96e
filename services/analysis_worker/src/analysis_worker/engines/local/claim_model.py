"""The claim model: a multinomial logit over features and words, and what its probabilities are worth.

Its weights stand in `claim_weights.json`, which `make claims-model` makes from sentences that this project
wrote and labelled (docs/claims-guideline.md). Of annotated debates only published figures went into it: the
shares of the classes, and how well two annotators agree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from analysis_worker.engines.local.claim_features import features, words_in
from analysis_worker.engines.local.document import Sentence

WEIGHTS_FILE: Final = "claim_weights.json"
#: The classes, in the order of every triple here.
CLASSES: Final = ("none", "claim", "premise")
#: How often each class is spoken by debaters, about: two thirds to seven tenths of their sentences argue,
#: with 16,087 claims to 13,434 premises (Haddadan et al. 2019).
SHARES: Final = (0.30, 0.38, 0.32)
#: Row: what this project's guideline calls a sentence; column: what an annotator of real debates calls it.
#: From the agreement that Haddadan et al. 2019 report: kappa 0.57 on arguing or not, which is 81 % at these
#: shares, and 0.40 on claim or premise, which is 70 %. No confidence can be higher than this.
AGREEMENT: Final = ((0.70, 0.16, 0.14), (0.14, 0.62, 0.24), (0.14, 0.26, 0.60))

Weights = Mapping[str, tuple[float, float, float]]


class ClaimModel:
    """Tells how likely each class is.

    Args:
        weights: By feature or word, the weight for each of CLASSES.
        trained_shares: How often each class stands in what the weights were learnt from.
        word_weight: What the words of a sentence count for together.
    """

    def __init__(self, weights: Weights, trained_shares: Sequence[float], word_weight: float) -> None:
        self._weights = weights
        self._word_weight = word_weight
        self._shift = tuple(
            math.log(real / trained) for real, trained in zip(SHARES, trained_shares, strict=True)
        )

    def probabilities(self, sentences: Sequence[Sentence], place: int) -> tuple[float, float, float]:
        """Return how likely an annotator calls the sentence at `place` of its turn each of CLASSES."""
        scores = list(self._shift)
        for name, value in features(sentences, place).items():
            self._add(scores, name, value)
        known = sorted(name for name in words_in(sentences[place]) if name in self._weights)
        for name in known:
            self._add(scores, name, self._word_weight / math.sqrt(len(known)))
        top = max(scores)
        odds = [math.exp(score - top) for score in scores]
        none, claim, premise = (one / sum(odds) for one in odds)
        return tuple(  # type: ignore[return-value]  # of three
            none * of_none + claim * of_claim + premise * of_premise
            for of_none, of_claim, of_premise in zip(*AGREEMENT, strict=True)
        )

    def _add(self, scores: list[float], name: str, value: float) -> None:
        weights = self._weights.get(name)
        if weights is not None:
            for number, weight in enumerate(weights):
                scores[number] += value * weight


@cache
def shipped_model() -> ClaimModel:
    """Return the model of the file that comes with this package."""
    return model_of(json.loads(files(__package__).joinpath(WEIGHTS_FILE).read_text("utf-8")))


def model_of(content: Mapping[str, Any]) -> ClaimModel:
    """Read a model as `make claims-model` writes it."""
    weights = {name: (row[0], row[1], row[2]) for name, row in content["weights"].items()}
    return ClaimModel(weights, content["shares"], content["word_weight"])
