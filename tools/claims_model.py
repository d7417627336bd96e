"""Fit the claim model to the project's own labelled sentences, and write its weights.

    python tools/claims_model.py            write the file that the worker ships
    python tools/claims_model.py --check    cross-validate by topic and print the scores; writes nothing

Multinomial logistic regression whose weights are drawn towards hand-set ones (a Gaussian prior, so the
estimate is the mode of the posterior): what was written cannot teach all that spoken debate is like, and the
hand-set weights keep what is known of it. Deterministic.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.engines.local.claim_features import WORD, features, words_in
from analysis_worker.engines.local.claim_model import CLASSES, WEIGHTS_FILE
from analysis_worker.engines.local.document import prepare

Matrix = NDArray[np.float64]
ROOT: Final = Path(__file__).parents[1]
SENTENCES: Final = ROOT / "services/analysis_worker/training/claims"
WEIGHTS: Final = ROOT / "services/analysis_worker/src/analysis_worker/engines/local" / WEIGHTS_FILE
#: A word or pair of words counts from this many sentences on.
FEWEST_SENTENCES: Final = 4
#: What the words of a sentence count for together, beside features of up to 1 each.
WORD_WEIGHT: Final = 1.0
#: How strongly weights are drawn towards their hand-set values: so many observations' worth.
STRENGTH: Final = 10.0
FOLDS: Final = 8
DIGITS: Final = 3
#: The hand-set weights for a claim and a premise; 0 for everything else. A weight of 1 multiplies the odds
#: against "none" by 2.7.
HAND_SET: Final[Mapping[str, tuple[float, float]]] = {
    "bias": (-0.1, -0.5),
    "content": (0.9, 1.3),
    "cue opinion": (1.0, -0.3),
    "cue judgement": (0.8, 0.1),
    "cue conclusion": (0.8, 0.2),
    "cue contrast": (0.2, 0.0),
    "cue reason": (0.0, 1.2),
    "cue evidence": (-0.2, 1.0),
    "number": (-0.3, 0.9),
    "past": (-0.4, 0.7),
    "conditional": (0.3, 0.2),
    "first": (0.3, -0.4),
    "question": (-1.2, -1.2),
    "cue ceremony": (-1.2, -1.2),
}


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled sentence."""

    topic: str
    label: int
    features: Mapping[str, float]
    words: frozenset[str]


class DamagedSentences(Exception):
    """A file of sentences is not as the guideline says; the message names file and line."""


def examples(folder: Path = SENTENCES) -> list[Example]:
    """Return the debaters' sentences of all files, in their order.

    Raises:
        DamagedSentences: A line is no turn, or a label is unknown.
    """
    found: list[Example] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            try:
                turn = json.loads(line)
                labelled = [(str(text), CLASSES.index(label)) for text, label in turn["sentences"]]
                if turn["role"] == "debater":
                    found.extend(_examples(turn["topic"], labelled))
            except (ValueError, KeyError, TypeError) as error:
                raise DamagedSentences(f"{path.name}, line {number}: {error}") from error
    return found


def _examples(topic: str, labelled: Sequence[tuple[str, int]]) -> Iterator[Example]:
    """Cut a turn as the engine would, and give each piece the label of the sentence that it overlaps most."""
    spans: list[tuple[int, int, int]] = []
    text = ""
    for sentence, label in labelled:
        text += " " if text else ""
        spans.append((len(text), len(text) + len(sentence), label))
        text += sentence
    speaker = Participant("a", "A")
    document = prepare(
        Conversation("turn", language="en", participants=(speaker,), turns=(Turn("t1", "a", text),))
    )
    for turn in document.turns:
        for place, sentence_ in enumerate(turn.sentences):
            start, end = sentence_.start, sentence_.end
            label = max(spans, key=lambda span: min(span[1], end) - max(span[0], start))[2]
            words, pairs = words_in(sentence_)
            names = [*words, *map(" ".join, pairs)]
            yield Example(topic, label, features(turn.sentences, place), frozenset(WORD + n for n in names))


@dataclass(frozen=True, slots=True)
class Space:
    """The columns of the matrix: features, then words."""

    names: Sequence[str]
    words: Sequence[str]

    @classmethod
    def of(cls, found: Sequence[Example]) -> Space:
        counted = Counter(word for example in found for word in example.words)
        words = sorted(word for word, sentences in counted.items() if sentences >= FEWEST_SENTENCES)
        names = sorted({name for example in found for name in example.features} | HAND_SET.keys())
        return cls(names, words)

    def matrix(self, found: Sequence[Example]) -> Any:
        """Return a sparse matrix, one row a sentence."""
        columns = {name: place for place, name in enumerate((*self.names, *self.words))}
        rows, places, values = [], [], []
        for row, example in enumerate(found):
            known = sorted(word for word in example.words if word in columns)
            cells = {name: value for name, value in example.features.items() if name in columns}
            cells.update(dict.fromkeys(known, WORD_WEIGHT / np.sqrt(max(1, len(known)))))
            for name, value in cells.items():
                rows.append(row)
                places.append(columns[name])
                values.append(value)
        return sparse.csr_matrix((values, (rows, places)), shape=(len(found), len(columns)))

    def hand_set(self) -> Matrix:
        """Return the weights that the fit is drawn towards."""
        weights = np.zeros((len(self.names) + len(self.words), len(CLASSES)))
        for name, (claim, premise) in HAND_SET.items():
            weights[self.names.index(name), 1:] = claim, premise
        return weights


def fit(matrix: Any, labels: NDArray[np.int64], towards: Matrix) -> Matrix:
    """Return the weights, columns of the matrix by classes."""
    wanted = np.eye(len(CLASSES))[labels]

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        weights = flat.reshape(towards.shape)
        logs = log_probabilities(matrix, weights)
        apart = weights - towards
        gradient = matrix.T @ (np.exp(logs) - wanted) + STRENGTH * apart
        return float(-(wanted * logs).sum() + 0.5 * STRENGTH * (apart * apart).sum()), gradient.ravel()

    found = minimize(loss, towards.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 1_000})
    result: Matrix = found.x.reshape(towards.shape)
    return result


def log_probabilities(matrix: Any, weights: Matrix) -> Matrix:
    scores = matrix @ weights
    scores = scores - scores.max(axis=1, keepdims=True)
    result: Matrix = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return result


def content_of(found: Sequence[Example]) -> dict[str, Any]:
    """Fit the model to all examples; return what the file holds."""
    space = Space.of(found)
    labels = np.array([example.label for example in found])
    weights = fit(space.matrix(found), labels, space.hand_set()).round(DIGITS) + 0.0
    shares = np.bincount(labels, minlength=len(CLASSES)) / len(labels)
    columns = (*space.names, *space.words)
    return {
        "made_by": "make claims-model",
        "sentences": len(found),
        "shares": [round(float(share), DIGITS) for share in shares],
        "word_weight": WORD_WEIGHT,
        "weights": {
            name: [float(weight) for weight in row]
            for name, row in zip(columns, weights, strict=True)
            if row.any()
        },
    }


def written(content: Mapping[str, Any]) -> str:
    """Spell the file: a line for each weight, so that a change of it can be read."""
    head = {name: value for name, value in content.items() if name != "weights"}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in content["weights"].items())
    return json.dumps(head)[:-1] + ', "weights": {\n' + lines + "\n}}\n"


def check(found: Sequence[Example]) -> str:
    """Cross-validate by topic; return accuracy, macro-F1 and the log loss in words."""
    topics = sorted({example.topic for example in found})
    fold = {topic: number % FOLDS for number, topic in enumerate(topics)}
    labels = np.array([example.label for example in found])
    logs = np.zeros((len(found), len(CLASSES)))
    for number in range(FOLDS):
        left_out = np.array([fold[example.topic] == number for example in found])
        others = [example for example, out in zip(found, left_out, strict=True) if not out]
        space = Space.of(others)
        weights = fit(space.matrix(others), labels[~left_out], space.hand_set())
        logs[left_out] = log_probabilities(
            space.matrix([example for example, out in zip(found, left_out, strict=True) if out]), weights
        )
    guessed = logs.argmax(axis=1)
    scores = []
    for label in range(len(CLASSES)):
        hits = ((guessed == label) & (labels == label)).sum()
        scores.append(2 * hits / max(1, (guessed == label).sum() + (labels == label).sum()))
    loss = -logs[np.arange(len(labels)), labels].mean()
    by_class = ", ".join(f"{name} {score:.3f}" for name, score in zip(CLASSES, scores, strict=True))
    right = (guessed == labels).mean()
    return (
        f"{len(found)} sentences, {len(topics)} topics, {FOLDS} folds: accuracy {right:.3f},"
        f" macro-F1 {np.mean(scores):.3f} ({by_class}), log loss {loss:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="cross-validate, and write nothing")
    options = parser.parse_args()
    found = examples()
    if options.check:
        print(check(found))
        return
    WEIGHTS.write_text(written(content_of(found)), encoding="utf-8")
    print(f"{WEIGHTS.relative_to(ROOT)}: {WEIGHTS.stat().st_size} bytes from {len(found)} sentences")


if __name__ == "__main__":
    main()
