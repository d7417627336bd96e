"""What a model would answer that tells figures in words, for the stand-in provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def facts_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the facts of a request."""
    facts: list[dict[str, Any]] = json.loads(body["messages"][1]["content"])["facts"]
    return facts


def remark(fact: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return a remark that rests on one fact; its fields may stand in the text."""
    return {"facts": [fact["id"]], "text": text.format(**fact)}


def honest_answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the facts bear: one remark on each that is good, and on each that has something to gain."""
    facts = facts_in(body)
    good = [fact for fact in facts if fact["good"]]
    to_gain = [fact for fact in facts if fact["to_gain"]]
    return {
        "summary": [remark(facts[0], "In your last debate {measure} was {last}; usual for you is {usual}.")],
        "strengths": [remark(fact, "Here you do well: {measure} was {last}.") for fact in good[:3]],
        "growth": [remark(fact, "Here you can gain: {measure} was {last}.") for fact in to_gain[:3]],
        "advice": [
            remark(fact, "In the next debate, write down each point before you answer it.")
            for fact in to_gain[:1]
        ],
    }


def teller(**changes: Any) -> Any:
    """Return a model that tells the figures as they are, but for the fields that are given."""

    def author(body: Mapping[str, Any]) -> str:
        return json.dumps({**honest_answer(body), **changes})

    return author
