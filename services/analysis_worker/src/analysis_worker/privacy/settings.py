"""What a worker is told about hostile content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from common.content.rules import ContentRules
from common.settings.content import content_rules
from common.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class Screening:
    """What holds for every job of a worker; a job may ask for stricter rules."""

    rules: ContentRules = field(default_factory=ContentRules)
    #: Asked of the provider about all that leaves and all that a model wrote; "": it is not.
    moderation_model: str = ""
    #: Without its answer, no model is asked.
    fails_closed: bool = False

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read the CONTENT_ and OPENAI_MODERATION_ variables."""
        failure = environment.choice("OPENAI_MODERATION_FAILURE", "OPEN", ("OPEN", "CLOSED"))
        return cls(
            content_rules(environment), environment.text("OPENAI_MODERATION_MODEL"), failure == "CLOSED"
        )
