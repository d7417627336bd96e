"""What a model would answer that reads reflections, for the stand-in provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from support.openai_author import seen

Lines = list[tuple[str, str, str]]


def split(body: Mapping[str, Any]) -> tuple[Lines, Lines]:
    """Return (speaker, id, text) of the debate's sentences in a request, and of the reflection's."""
    turns = json.loads(body["messages"][2]["content"])["turns"]
    own = len(turns[-1]["sentences"])
    lines = seen(body)
    return lines[:-own], lines[-own:]


def reader(level: str = "reflection", again: str | None = None, **changes: Any) -> Any:
    """Return a model that finds a reflection of this level, and `again` when asked for it alone."""

    def author(body: Mapping[str, Any]) -> str:
        said, own = split(body)
        sids = [sid for _, sid, _ in own]
        depth = {"why": "It speaks of own doing.", "sids": sids[:1], "depth": level}
        if body["response_format"]["json_schema"]["name"] == "DepthAnswer":
            return json.dumps({**depth, "depth": again or level})
        answer = {
            "signs": [{"sids": sids[:2], "name": "lessons_learned"}, {"sids": sids[:1], "name": "feelings"}],
            "references": [{"sid": sids[0], "said": said[0][1]}] if said else [],
            "depth": depth,
            "feedback": [
                {"sids": sids[:1], "kind": "feed_forward", "text": "You could answer S1 next time."},
                {
                    "sids": [sids[0], *(sid for _, sid, _ in said[:1])],
                    "kind": "feed_back",
                    "text": "You met it.",
                },
            ],
            "prompts": [{"sids": sids[:1], "text": "What would you ask S1 now?"}],
        }
        return json.dumps({**answer, **changes})

    return author
