"""How the figures of quota are printed."""

from __future__ import annotations

from measure.provider import Provider
from measure.quota import Outcome


def title() -> None:
    print(
        f"{'':>10}  processes  answered  of the limit  of what could be had  refused   held  verdict",
        flush=True,
    )


def row(kind: str, processes: int, outcome: Outcome, provider: Provider, seconds: float) -> None:
    """Print one run.

    "Of the limit" is by the minute; "of what could be had" counts the full bucket with which a provider
    begins. The scarcer of requests and tokens counts.
    """
    done = [tokens for at, tokens in outcome.times if at <= seconds]
    minutes = seconds / 60
    used = max(len(done) / provider.rpm, sum(done) / provider.tpm)
    sent = outcome.answered + outcome.refused + outcome.failed
    refused = outcome.refused / max(1, sent)
    print(
        f"{kind:>10}  {processes:>9}  {outcome.answered:>8}  {used / minutes:>12.1%}  "
        f"{used / (minutes + 1):>20.1%}  {refused:>7.2%}  {outcome.held:>5}  {provider.verdict()}",
        flush=True,
    )
