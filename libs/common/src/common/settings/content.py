"""What is done with hostile content, as the environment says it."""

from __future__ import annotations

from typing import Final

from common.content.rules import ContentAction, ContentRules
from common.settings.environment import Environment

_ACTIONS: Final = tuple(action.value for action in ContentAction)


def content_rules(environment: Environment) -> ContentRules:
    """Read CONTENT_INPUT and CONTENT_OUTPUT."""
    received, written = (
        ContentAction(environment.choice(name, ContentAction.FLAG, _ACTIONS))
        for name in ("CONTENT_INPUT", "CONTENT_OUTPUT")
    )
    return ContentRules(received, written)
