"""What a model's verified answers amount to, before they are put into a dimension. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from analysis_worker.domain.provenance import PassedOver, PromptVersion
from analysis_worker.engines.openai.schemas import ArgumentsAnswer, SaidRating
from analysis_worker.engines.openai.tone import ToneAnswer
from analysis_worker.engines.openai.topics import WindowTopics

ENGINE_NAME: Final = "openai"
#: Grows when other results come of the same answers.
ENGINE_VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class ArgumentsFound:
    """One answer for each window, in order."""

    answers: tuple[ArgumentsAnswer, ...]


@dataclass(frozen=True, slots=True)
class QualityFound:
    """The ratings of both runs, over all windows; speakers by their own names again."""

    runs: tuple[tuple[SaidRating, ...], tuple[SaidRating, ...]]


@dataclass(frozen=True, slots=True)
class ToneFound:
    """One answer for each window, in order."""

    answers: tuple[ToneAnswer, ...]


@dataclass(frozen=True, slots=True)
class TopicsFound:
    """One answer for each window, in order, with the window's ends."""

    windows: tuple[WindowTopics, ...]


Findings: TypeAlias = ArgumentsFound | QualityFound | ToneFound | TopicsFound


@dataclass(frozen=True, slots=True)
class Found:
    """A dimension as the model sees it."""

    findings: Findings
    model: str
    prompt_sha256: str
    windows: int
    items: int
    dropped: int
    withheld: int
    #: Models that were wanted before this one.
    passed_over: tuple[PassedOver, ...] = ()
    prompts: tuple[PromptVersion, ...] = ()

    @property
    def method(self) -> str:
        """How it came about, with the counts."""
        return (
            f"asked a model sentence by id, {self.windows} windows, {self.dropped} of {self.items} items "
            f"dropped by checks, {self.withheld} sentences withheld"
        )
