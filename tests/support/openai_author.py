"""What a model would answer that does its work, for the stand-in provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

PARTS = ("cogency", "effectiveness", "reasonableness", "deliberation")


def seen(body: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (speaker, id, text) of the sentences in a request."""
    turns = json.loads(body["messages"][2]["content"])["turns"]
    return [(turn["speaker"], each["id"], each["text"]) for turn in turns for each in turn["sentences"]]


def honest(body: Mapping[str, Any]) -> str:
    """Answer as a model would that does its work: by what sentences say, not by who says them."""
    lines = seen(body)
    if body["response_format"]["json_schema"]["name"] == "QualityAnswer":
        own: dict[str, list[str]] = {}
        for speaker, sid, _ in lines:
            own.setdefault(speaker, []).append(sid)
        debaters = {
            row["speaker"]
            for row in json.loads(body["messages"][1]["content"])["participants"]
            if row["role"] == "debater"
        }
        ratings = [
            {"speaker": who, "part": part, "why": "It is shown.", "sids": sids[:1], "score": 3}
            for who, sids in own.items()
            if who in debaters
            for part in PARTS
        ]
        return json.dumps({"ratings": ratings})
    sids = [sid for _, sid, _ in lines]
    return json.dumps(
        {
            "components": [
                {"sid": sid, "kind": "premise" if "because" in text else "claim"} for _, sid, text in lines
            ],
            "relations": [{"source": sids[1], "target": sids[0], "kind": "attack"}],
            "fallacies": [{"why": "It leaps.", "sid": sids[0], "kind": "false_cause"}],
        }
    )
