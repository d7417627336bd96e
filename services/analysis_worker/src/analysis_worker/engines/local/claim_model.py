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

from analysis_worker.engines.local.claim_features import WORD, features, words_in
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
        self._features = {name: row for name, row in weights.items() if not name.startswith(WORD)}
        words = {name.removeprefix(WORD): row for name, row in weights.items() if name.startswith(WORD)}
        self._words = {name: row for name, row in words.items() if " " not in name}
        self._pairs = {tuple(name.split(" ")): row for name, row in words.items() if " " in name}
        self._word_weight = word_weight
        self._shift = [math.log(real / trained) for real, trained in zip(SHARES, trained_shares, strict=True)]

    def probabilities(self, sentences: Sequence[Sentence], place: int) -> tuple[float, float, float]:
        """Return how likely an annotator calls the sentence at `place` of its turn each of CLASSES."""
        none, claim, premise = self._shift
        for name, value in features(sentences, place).items():
            row = self._features.get(name)
            if row is not None:
                none += value * row[0]
                claim += value * row[1]
                premise += value * row[2]
        words, pairs = words_in(sentences[place])
        known = [self._words[word] for word in words if word in self._words]
        known += [self._pairs[pair] for pair in pairs if pair in self._pairs]
        if known:
            share = self._word_weight / math.sqrt(len(known))
            none += share * sum([row[0] for row in known])
            claim += share * sum([row[1] for row in known])
            premise += share * sum([row[2] for row in known])
        return _as_annotated(none, claim, premise)


def _as_annotated(none: float, claim: float, premise: float) -> tuple[float, float, float]:
    """Return probabilities of an annotator's labels from the logits of our own."""
    top = max(none, claim, premise)
    odds = math.exp(none - top), math.exp(claim - top), math.exp(premise - top)
    total = sum(odds)
    of_none, of_claim, of_premise = (
        sum(odds[ours] * AGREEMENT[ours][theirs] for ours in range(3)) / total for theirs in range(3)
    )
    return of_none, of_claim, of_premise


@cache
def shipped_model() -> ClaimModel:
    """Return the model of the file that comes with this package."""
    return model_of(json.loads(files(__package__).joinpath(WEIGHTS_FILE).read_text("utf-8")))


def model_of(content: Mapping[str, Any]) -> ClaimModel:
    """Read a model as `make claims-model` writes it."""
    weights = {name: (row[0], row[1], row[2]) for name, row in content["weights"].items()}
    return ClaimModel(weights, content["shares"], content["word_weight"])
