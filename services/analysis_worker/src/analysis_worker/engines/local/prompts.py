"""Questions that lead a reflection one step further.

Feed up, feed back, feed forward (Hattie & Timperley 2007).
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from analysis_worker.domain.reflection import Depth

_MOST: Final = 3
#: Below this, a reflection speaks little of the debate that was held.
_LOOSE: Final = 0.3

#: The sign that is missing, and the question that asks for it; the most useful first.
_ASKING_FOR: Final = (
    ("lessons_learned", "What do you know now about arguing this motion that you did not know before?"),
    ("perspective", "Which point of the other side was the strongest, and why might someone hold it?"),
    ("awareness_of_difficulties", "At which moment did you find it hard to answer, and what made it hard?"),
    ("future_intentions", "What is one thing you will do differently in your next debate?"),
    (
        "feelings",
        "How did you feel at the turning point of the debate, and what did that do to your arguing?",
    ),
)
_GROUNDING: Final = (
    "Which sentence that was said in the debate do you have in mind? Quote it, and answer it again."
)
_DEEPER: Final = "What would have to be true for you to change your view on the motion?"


def prompts_for(depth: Depth, found: Set[str], grounded: float | None) -> tuple[str, ...]:
    """Return at most three questions: what is missing, and one step deeper; none for what is too short."""
    if depth is Depth.UNKNOWN:
        return ()
    prompts = [_GROUNDING] if grounded is not None and grounded < _LOOSE else []
    prompts += [question for sign, question in _ASKING_FOR if sign not in found]
    if depth is not Depth.CRITICAL_REFLECTION:
        prompts.insert(min(len(prompts), _MOST - 1), _DEEPER)
    return tuple(prompts[:_MOST])
