"""Hostile content of people and of a model: each action, each way, each source, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.job.model import ErrorClass
from common.job.states import JobState
from common.store.jobs import Snapshot
from support.debates import debate
from support.openai_author import honest
from support.openai_server import Author, OpenAiServer, error, openai_server
from support.reflection_author import reader
from support.worker_program import Desk, SharedWorker, shared_worker, worker_program

Filter = pb.ContentFilter
Safety = pb.Safety
ACTIONS = {"flag": Filter.FLAG, "mask": Filter.MASK, "refuse": Filter.REFUSE}
MODEL = "omni-moderation-latest"
shared = pytest.mark.xdist_group("content-is-filtered")  # one worker for all of them
#: What the lists know, and what only the stand-in's moderation knows.
LISTED, MODERATED = "bullshit", "torches"
#: Dimensions for which the stand-in gives a reason of its own.
WITH_REASONS = {pb.DIMENSION_ARGUMENTS, pb.DIMENSION_QUALITY}


def rude(word: str) -> Author:
    """Answer as a model whose every reason holds a word that is flagged."""
    return lambda body: (
        honest(body)
        .replace("It leaps.", f"It leaps, what {word}.")
        .replace("It is shown.", f"It is shown, what {word}.")
    )


def calm(name: str) -> pb.Conversation:
    """Return a debate in which debaters have all the words."""
    said = debate(10, conversation_id=name)
    said.turns[0].participant_id = "ines"
    return said


def heated(name: str) -> pb.Conversation:
    """Return a debate with a turn for the lists and one for moderation."""
    said = calm(name)
    said.turns[3].text += f" That is {LISTED}, because you never count."
    said.turns[6].text += f" We will come with {MODERATED} tonight, because you never listen."
    return said


@contextmanager
def moderating() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        served.moderator = lambda text: ("violence",) if MODERATED in text else ()
        yield served


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with moderating() as served:
        yield served


@dataclass
class Moderated:
    """A worker that has texts moderated, and its provider."""

    worker: SharedWorker
    server: OpenAiServer


@pytest.fixture(scope="module")
def _moderated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moderated]:
    with (
        moderating() as server,
        shared_worker(
            tmp_path_factory.mktemp("worker"),
            OPENAI_API_KEY="sk-x",
            OPENAI_BASE_URL=server.url,
            OPENAI_MODERATION_MODEL=MODEL,
        ) as worker,
    ):
        yield Moderated(worker, server)


@pytest.fixture
def moderated(_moderated: Moderated) -> Moderated:
    """It, with a provider that has heard nothing and answers honestly."""
    _moderated.server.heard.clear()
    _moderated.server.moderated.clear()
    _moderated.server.author = honest
    return _moderated


def worker_of(valkey: str, folder: Path, server: OpenAiServer, **environment: Any) -> Any:
    return worker_program(valkey, folder, OPENAI_API_KEY="sk-x", OPENAI_BASE_URL=server.url, **environment)


def analysis_of(done: Snapshot) -> pb.DebateAnalysis:
    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    return pb.JobResult.FromString(done.result.data).analysis


def flags(analysis: pb.DebateAnalysis) -> dict[tuple[str, str], tuple[str, list[str]]]:
    """Return action and turns by kind and source."""
    return {
        (Safety.Kind.Name(each.kind), Safety.Source.Name(each.source)): (
            Safety.Action.Name(each.action),
            list(each.turn_ids),
        )
        for each in analysis.safety.flagged
    }


def words(analysis: pb.DebateAnalysis) -> set[tuple[str, str, str, int]]:
    return {
        (
            Safety.Kind.Name(each.kind),
            Safety.Source.Name(each.source),
            Safety.Action.Name(each.action),
            each.dimension,
        )
        for each in analysis.safety.flagged_words
    }


def causes(analysis: pb.DebateAnalysis) -> dict[int, str]:
    return {made.dimension: made.degraded_reason for made in analysis.provenance if made.degraded}


@shared
def test_what_people_wrote_is_flagged_masked_or_refused_by_lists_and_moderation(
    moderated: Moderated,
) -> None:
    desk, server = moderated.worker.desk(), moderated.server
    both = {
        ("PROFANITY", "LISTS"): ["t3"],
        ("VIOLENCE", "MODERATION"): ["t6"],
    }
    for number, action in enumerate(("flag", "mask")):
        server.heard.clear()
        name = desk.put(heated(f"heated-{number}"))
        wish = Filter(input=ACTIONS[action])
        job_id = desk.analyse(name, include_detailed=True, content_filter=wish)
        result = analysis_of(desk.final(job_id))
        parts = str([pb.JobResult.FromString(part.content.data) for part in desk.snapshot(job_id).parts])
        did = {"flag": "FLAGGED", "mask": "MASKED"}[action]
        assert flags(result) == {flag: (did, turns) for flag, turns in both.items()}
        assert result.safety.moderation == Safety.ASKED
        assert not causes(result)
        sent = b"".join(body for body, _ in server.heard).decode()
        shown = str(result)
        for word in (LISTED, MODERATED):
            assert (word in sent) is (action == "flag"), word
            assert (word in shown) is (action == "flag"), word
            assert (word in parts) is (action == "flag"), word
        assert ("[PROFANITY]" in sent) is (action == "mask")

    # Refused by what the lists flag: before anything is sent
    server.heard.clear()
    server.moderated.clear()
    refuse = Filter(input=Filter.REFUSE)
    failed = desk.final(desk.analyse("heated-0", content_filter=refuse)).job
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert (failed.error.error_class, failed.error.reason) == (
        ErrorClass.CONTENT_POLICY,
        "CONTENT_REFUSED",
    )
    assert "turns[3] of the conversation: flagged as profanity" in failed.error.message
    assert "content_filter.input" in failed.error.suggestion
    assert failed.attempt == 1
    assert not server.heard
    assert not server.moderated

    # And by what only moderation flags: before a model is asked
    milder = heated("milder")
    milder.turns[3].text = "We should count first, because nobody knows."
    failed = desk.final(desk.analyse(desk.put(milder), content_filter=refuse)).job
    assert failed.error is not None
    assert failed.error.reason == "CONTENT_REFUSED"
    assert "turns[6] of the conversation: flagged as violence" in failed.error.message
    assert not server.heard
    assert server.moderated
    milder.turns[6].text = "We should wait, because nobody knows."
    milder.motion = f"Is it {LISTED}?"
    failed = desk.final(desk.analyse(desk.put(milder), content_filter=refuse)).job
    assert failed.error is not None
    assert failed.error.message == "motion of the conversation: flagged as profanity"
    told = analysis_of(desk.final(desk.analyse("milder", engine=pb.TranscriptAnalysisSpec.LOCAL)))
    assert list(told.safety.motion_kinds) == [Safety.PROFANITY]
    assert LISTED not in failed.error.message
    assert MODERATED not in failed.error.message


@shared
def test_what_a_model_wrote_is_flagged_masked_or_refused_by_lists_and_moderation(
    moderated: Moderated,
) -> None:
    desk, server = moderated.worker.desk(), moderated.server
    for source, kind, said, masked in (
        ("LISTS", "PROFANITY", LISTED, "It is shown, what [PROFANITY]."),
        ("MODERATION", "VIOLENCE", MODERATED, "[MASKED]"),
    ):
        server.heard.clear()
        server.author = rude(said)
        debated = calm(source)
        debated.motion = f"What would the {source.lower()} say?"  # an answer is kept for its request
        name = desk.put(debated)
        for action, did in (("flag", "FLAGGED"), ("mask", "MASKED"), ("refuse", "REFUSED")):
            wish = Filter(output=ACTIONS[action])
            result = analysis_of(desk.final(desk.analyse(name, content_filter=wish)))
            assert words(result) == {(kind, source, did, made) for made in WITH_REASONS}
            assert not result.safety.flagged
            refused = dict.fromkeys(WITH_REASONS, "content_filter")
            assert causes(result) == (refused if action == "refuse" else {})
            reasons = {each.why for each in result.arguments.fallacies}
            reasons |= {part.why for each in result.quality.participants for part in each.parts}
            assert any(said in reason for reason in reasons) is (action == "flag")
            assert (masked in reasons) is (action == "mask")
        # What was paid for is kept, so that a milder filter costs nothing.
        assert len(server.heard) == len({body for body, _ in server.heard})


@shared
def test_a_reflection_and_what_a_model_says_of_it_are_filtered_too(
    moderated: Moderated,
) -> None:
    desk, server = moderated.worker.desk(), moderated.server
    read = reader()
    server.author = lambda body: read(body).replace("You met it.", f"You met it with {MODERATED}.")
    desk.put(calm("debated"))
    text = (
        f"I was nervous, and thought that it was {LISTED} when Marek asked about the ambulance. "
        f"Next time I will not come with {MODERATED}, and I will ask the north side first, because they know."
    )

    def order(number: int, **wish: Filter.Action.ValueType) -> Snapshot:
        # An answer is kept for its request: each order is another.
        spec = pb.ReflectionProcessingSpec(
            text=f"{text} That was {number} years ago.",
            conversation_id="debated",
            participant_id="ines",
            content_filter=Filter(**wish),
        )
        return desk.final(desk.order(pb.JobSpec(reflection_processing=spec)))

    def reading_of(done: Snapshot) -> pb.ReflectionAnalysis:
        assert done.job.state is JobState.SUCCEEDED, done.job.error
        assert done.result is not None
        return pb.JobResult.FromString(done.result.data).reflection

    flagged = reading_of(order(2))
    assert flagged.provenance.engine == "openai"
    assert {(each.kind, each.action, *each.turn_ids) for each in flagged.safety.flagged} == {
        (Safety.PROFANITY, Safety.FLAGGED, "reflection"),
        (Safety.VIOLENCE, Safety.FLAGGED, "reflection"),
    }
    assert {each.kind for each in flagged.safety.flagged_words} == {Safety.VIOLENCE}
    assert MODERATED in flagged.feedback[0].text

    said = reading_of(order(3, output=Filter.MASK))
    assert [remark.text for remark in said.feedback] == ["[MASKED]", "You could answer Ines next time."]
    assert LISTED in str(said)  # of the author's own words nothing was to be masked

    server.heard.clear()
    masked = reading_of(order(4, input=Filter.MASK))
    assert LISTED not in str(masked)
    assert MODERATED not in str(masked)
    assert not any(LISTED.encode() in body for body, _ in server.heard)

    refused = reading_of(order(5, output=Filter.REFUSE))
    assert refused.provenance.degraded_reason == "content_filter"

    server.heard.clear()
    failed = order(6, input=Filter.REFUSE).job
    assert failed.error is not None
    assert failed.error.reason == "CONTENT_REFUSED"
    assert failed.error.message == "the text of the reflection: flagged as profanity"
    assert not server.heard


def test_a_job_can_ask_for_more_than_the_worker_and_not_for_less(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    name = desk.put(heated("heated"))
    with worker_of(valkey, tmp_path, server, CONTENT_INPUT="mask", CONTENT_OUTPUT="mask"):
        server.author = rude(LISTED)
        mild = analysis_of(
            desk.final(desk.analyse(name, content_filter=Filter(input=Filter.FLAG, output=Filter.FLAG)))
        )
        assert flags(mild) == {("PROFANITY", "LISTS"): ("MASKED", ["t3"])}
        assert {action for _, _, action, _ in words(mild)} == {"MASKED"}
        assert mild.safety.moderation == Safety.MODERATION_UNSPECIFIED
        assert LISTED not in str(mild)
        strict = desk.final(desk.analyse(name, content_filter=Filter(input=Filter.REFUSE))).job
        assert strict.error is not None
        assert strict.error.reason == "CONTENT_REFUSED"
        # An analysis that stays here is filtered too.
        local = analysis_of(desk.final(desk.analyse(name, engine=pb.TranscriptAnalysisSpec.LOCAL)))
        assert LISTED not in str(local)
    assert not server.moderated


def test_moderation_that_fails_lets_pass_or_holds_back_as_the_worker_is_told(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    name = desk.put(heated("heated"))
    server.moderation_fault = error(500)
    with worker_of(valkey, tmp_path, server, OPENAI_MODERATION_MODEL=MODEL):
        one = [pb.DIMENSION_ARGUMENTS]
        opened = analysis_of(desk.final(desk.analyse(name, dimensions=one)))
        assert opened.safety.moderation == Safety.FAILED_OPEN
        assert not causes(opened)
        assert server.heard
    server.heard.clear()
    with worker_of(
        valkey, tmp_path, server, OPENAI_MODERATION_MODEL=MODEL, OPENAI_MODERATION_FAILURE="closed"
    ):
        closed = analysis_of(desk.final(desk.analyse(name, dimensions=one)))
        assert closed.safety.moderation == Safety.FAILED_CLOSED
        assert causes(closed) == {pb.DIMENSION_ARGUMENTS: "unavailable"}
        assert not server.heard


@shared
def test_moderation_is_sent_placeholders_and_is_kept_and_limited_as_any_call(
    moderated: Moderated,
) -> None:
    desk, server = moderated.worker.desk(), moderated.server
    said = heated("named")
    said.turns[4].text += " Ines, write to ines@example.org, and bring torches."
    name = desk.put(said)
    first = desk.final(desk.analyse(name))
    asked = len(server.moderated)
    again = desk.final(desk.analyse(name))
    bodies = [json.loads(body) for body in server.moderated]
    told = " ".join(text for body in bodies for text in body["input"])
    assert "[EMAIL_1]" in told
    assert "ines" not in told.lower()
    assert {body["model"] for body in bodies} == {MODEL}
    assert all(1 <= len(body["input"]) <= 32 for body in bodies)
    assert asked == 4  # what is sent, and the words of three dimensions
    assert len(server.moderated) == asked
    assert analysis_of(again) == analysis_of(first)
    assert first.job.paid is not None
    assert again.job.paid is not None
    assert again.job.paid.reused_calls == first.job.paid.calls
