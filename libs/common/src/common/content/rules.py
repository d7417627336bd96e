"""What is done with hostile content that comes in, and with such words of a model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ContentAction(StrEnum):
    """What is done, from the mildest to the strictest."""

    #: The result says where it is.
    FLAG = "FLAG"
    #: It is also taken out of what a model is sent, and of the result.
    MASK = "MASK"
    #: What holds it is not taken.
    REFUSE = "REFUSE"


_STRICTNESS: Final = tuple(ContentAction)


@dataclass(frozen=True, slots=True)
class ContentRules:
    """What is done with what comes in, and with what a model wrote."""

    input: ContentAction = ContentAction.FLAG
    output: ContentAction = ContentAction.FLAG

    def stricter(self, other: ContentRules) -> ContentRules:
        """Return the stricter of both, for each way: nobody can ask for less than the operator does."""
        return ContentRules(
            max(self.input, other.input, key=_STRICTNESS.index),
            max(self.output, other.output, key=_STRICTNESS.index),
        )
