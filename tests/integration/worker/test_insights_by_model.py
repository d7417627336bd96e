"""The narrative of insights by a model, in a real worker, against a provider over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.model import ErrorClass
from common.job.states import JobState
from common.store.documents import ANALYSES, INSIGHTS, get_document
from common.store.erasure import erase, forget_document, noted_insights, remains
from support.insights import QUEUE, keep, order, rated, result_of
from support.insights_author import facts_in, teller
from support.openai_server import Fault, OpenAiServer, completion, error, openai_server
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk, worker_program

KEY = "sk-canary-of-the-key"
WHO = "canary.of.a.name"
Spec = pb.TranscriptAnalysisSpec
Insights = pb.LearningInsights


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(teller()) as served:
        yield served


def keep_rated(desk: Desk, number: int, cogency: float, reasonableness: float) -> None:
    """Keep a conversation, and an analysis of it that holds two ratings."""
    name = f"canary-talk-{number}"
    keep(desk, name, rated(name, WHO, {"cogency": cogency, "reasonableness": reasonableness}))


def keep_six(desk: Desk) -> None:
    """Keep six of which one rating falls and the other rises."""
    for number in range(6):
        keep_rated(desk, number, 4.5 - number / 2, 2 + number / 4)


def ordered(desk: Desk, **spec: object) -> JobId:
    return order(desk, WHO, **spec)


def test_a_worker_with_a_key_tells_pays_once_and_degrades(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    keep_six(desk)
    with worker_program(valkey, tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url):
        # The model tells what the figures show, and each remark says by which measures
        first = result_of(desk, ordered(desk))
        made = first.narrative_provenance
        assert (made.engine, made.model, made.degraded) == ("openai", "gpt-6-luna", False)
        assert [each.name for each in made.prompts] == ["facts_rules", "insights", "repair"]
        assert first.provenance.engine == "local"
        kinds = [each.kind for each in first.remarks]
        assert kinds == sorted(kinds)
        assert set(kinds) == set(range(1, 5))
        assert first.narrative == " ".join(each.text for each in first.remarks)
        growth = next(each for each in first.remarks if each.kind == Insights.Remark.GROWTH)
        assert (list(growth.metrics), growth.text) == (
            ["quality.cogency"],
            "Here you can gain: the rating of cogency was 2.0.",
        )
        kept = desk.run(get_document(NAMESPACE, INSIGHTS, "default", WHO))
        assert kept is not None
        assert Insights.FromString(kept.body) == first

        # The same again costs nothing; anew is asked for only by who says so
        assert len(server.heard) == 1
        assert result_of(desk, ordered(desk)) == first
        assert len(server.heard) == 1
        again = ordered(desk, force_refresh=True)
        result_of(desk, again)
        assert len(server.heard) == 2
        paid = desk.snapshot(again, QUEUE).job.paid
        assert paid is not None
        assert (paid.calls, paid.cost_micro_usd > 0) == (1, True)

        # Who wants the template has it; another model may be named
        local = result_of(desk, ordered(desk, engine=Spec.LOCAL))
        assert (local.narrative_provenance.engine, local.narrative_provenance.degraded) == ("local", False)
        assert "Declining: the rating of cogency, from 4.50 to 2.00." in local.narrative
        assert not local.remarks
        assert local.trends == first.trends
        other = result_of(desk, ordered(desk, models=["gpt-4o-mini"]))
        assert other.narrative_provenance.model == "gpt-4o-mini"

        # An answer that breaks a rule is mended once, and named by its place alone
        server.heard.clear()
        facts = ["F1"]
        server.author = teller(summary=[{"facts": facts, "text": "It rose to 99."}] * 3)
        broken = result_of(desk, ordered(desk, force_refresh=True)).narrative_provenance
        assert (broken.engine, broken.degraded_reason) == ("local", "invalid_output")
        asked, mended = server.requests()
        told = mended["messages"][-1]["content"]
        assert "summary[2] tells a number" in told
        assert "99" not in told
        assert mended["messages"][:2] == asked["messages"]

        # A refusal, a bound, and a provider that is down, are the template's with their reason
        server.author = teller()
        server.faults = [Fault(body=completion(None, refusal="no"))]
        reasons = [result_of(desk, ordered(desk, force_refresh=True)).narrative_provenance.degraded_reason]
        bound = ordered(desk, force_refresh=True, max_cost_micro_usd=1)
        reasons.append(result_of(desk, bound).narrative_provenance.degraded_reason)
        server.faults = [error(500)] * 1_000
        down = result_of(desk, ordered(desk, force_refresh=True)).narrative_provenance
        assert reasons == ["refusal", "budget"]
        assert down.degraded_reason in ("unavailable", "circuit_open")
        assert [each.model for each in down.passed_over][:1] == ["gpt-6-luna"]

        # And one that waits instead is not lost
        waits = ordered(desk, on_unavailable=Spec.WAIT, force_refresh=True)
        wait_until(
            lambda: desk.job(waits, QUEUE).state in (JobState.RETRYING, JobState.PENDING), timeout_s=60
        )

    # Nothing of people was sent: no name, no conversation
    sent = b"".join(body for body, _ in server.heard)
    assert b"canary" not in sent
    assert {fact["measure"] for fact in facts_in(server.requests()[0])} == {
        "the rating of cogency",
        "the rating of reasonableness",
    }
    logged = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY.encode() not in logged + sent


def test_an_answer_goes_with_each_conversation_that_it_rests_on(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    keep_six(desk)
    with worker_program(valkey, tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url):
        assert result_of(desk, ordered(desk)).narrative_provenance.engine == "openai"
        # Of any of them its erasure finds the one answer
        gone = "canary-talk-3"
        assert desk.run(erase(NAMESPACE, desk.tenant, gone)) == (True, 1)
        left = desk.run(remains(NAMESPACE, desk.tenant, gone, skip=0, want=10))
        assert [each.model for each in left.answers] == ["gpt-6-luna"]

        # While its analysis is still there, nothing is asked about it, and nothing kept
        asked = len(server.heard)
        waits = ordered(desk, force_refresh=True)
        wait_until(lambda: desk.job(waits, QUEUE).state is JobState.RETRYING, timeout_s=60)
        failed = desk.job(waits, QUEUE).error
        assert failed is not None
        assert (failed.error_class, failed.reason) == (ErrorClass.TRANSIENT, "CONVERSATION_ERASED")
        assert len(server.heard) == asked

        # Then the insights rest on what is left
        desk.run(forget_document(NAMESPACE, ANALYSES, desk.tenant, gone))
        found = result_of(desk, waits)
    assert gone not in [each.conversation_id for each in found.conversations]
    assert len(found.conversations) == 5


def test_kept_insights_are_noted_with_what_they_rest_on(plain_desk: Desk) -> None:
    keep_six(plain_desk)
    keep_rated(plain_desk, 6, 1.0, 1.0)
    result_of(
        plain_desk, ordered(plain_desk, conversation_ids=[f"canary-talk-{number}" for number in range(6)])
    )
    for number in range(7):
        noted = plain_desk.run(noted_insights(NAMESPACE, plain_desk.tenant, f"canary-talk-{number}"))
        assert noted == ([WHO] if number < 6 else []), number

    # One that is erased while they are made is in no kept insights, whichever engine tells them
    plain_desk.run(forget_document(NAMESPACE, INSIGHTS, plain_desk.tenant, WHO))
    plain_desk.run(erase(NAMESPACE, plain_desk.tenant, "canary-talk-0"))
    waits = ordered(plain_desk)
    wait_until(lambda: plain_desk.job(waits, QUEUE).state is JobState.RETRYING, timeout_s=60)
    assert plain_desk.run(get_document(NAMESPACE, INSIGHTS, plain_desk.tenant, WHO)) is None


def test_without_a_key_only_who_asked_for_a_model_is_told(plain_desk: Desk) -> None:
    keep_six(plain_desk)
    plain = result_of(plain_desk, ordered(plain_desk))
    asked = result_of(plain_desk, ordered(plain_desk, engine=Spec.OPENAI))
    assert not plain.narrative_provenance.degraded
    assert asked.narrative_provenance.degraded_reason == "no_key"
    assert plain.narrative == asked.narrative
