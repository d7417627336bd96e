"""What a model would answer that does its work, for the stand-in provider."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

PARTS = ("cogency", "effectiveness", "reasonableness", "deliberation")


def seen(body: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (speaker, id, text) of the sentences in a request."""
    turns = json.loads(body["messages"][2]["content"])["turns"]
    return [(turn["speaker"], each["id"], each["text"]) for turn in turns for each in turn["sentences"]]


def valence(text: str) -> int:
    """Return how a sentence sounds: by a word of praise or blame in it."""
    return 2 * ("well" in text or "agree" in text) - 3 * ("terrible" in text or "too much" in text)


def topics(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a topic that begins with the window, and one wherever someone says "next"."""
    segments: list[dict[str, Any]] = []
    for turn in json.loads(body["messages"][2]["content"])["turns"]:
        first = turn["sentences"][0]
        if not segments or "next" in first["text"].lower():
            words = re.findall(r"\b[a-z]{4,}", first["text"])
            segments.append({"first": first["id"], "label": " ".join(words[:5]), "coherence": 3})
    return segments


def honest(body: Mapping[str, Any]) -> str:
    """Answer as a model would that does its work: by what sentences say, not by who says them."""
    lines = seen(body)
    asked = body["response_format"]["json_schema"]["name"]
    if asked == "ToneAnswer":
        return json.dumps(
            {
                "sentences": [
                    {"sid": sid, "valence": valence(text)} for who, sid, text in lines if who == "debater"
                ]
            }
        )
    if asked == "TopicsAnswer":
        return json.dumps({"segments": topics(body)})
    debaters = {
        row["speaker"]
        for row in json.loads(body["messages"][1]["content"])["participants"]
        if row["role"] == "debater"
    }
    lines = [line for line in lines if line[0] in debaters]
    if asked == "QualityAnswer":
        own: dict[str, list[str]] = {}
        for speaker, sid, _ in lines:
            own.setdefault(speaker, []).append(sid)
        ratings = [
            {"speaker": who, "part": part, "why": "It is shown.", "sids": sids[:1], "score": 3}
            for who, sids in own.items()
            for part in PARTS
        ]
        return json.dumps({"ratings": ratings})
    sids = [sid for _, sid, _ in lines]
    return json.dumps(
        {
            "components": [
                {"sid": sid, "kind": "premise" if "because" in text else "claim"} for _, sid, text in lines
            ],
            "relations": [
                {"source": after, "target": before, "kind": "attack"} for before, after in pairwise(sids[:2])
            ],
            "fallacies": [{"why": "It leaps.", "sid": sid, "kind": "false_cause"} for sid in sids[:1]],
        }
    )
